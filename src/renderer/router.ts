import { createRouter, createWebHashHistory, type Router } from 'vue-router';

/** Every view's address; behind a `#`, so that any host can serve them from one page. */
export function createAppRouter(): Router {
  return createRouter({
    history: createWebHashHistory(),
    routes: [
      { path: '/', name: 'home', component: () => import('./views/HomeView.vue') },
      { path: '/start', name: 'start', component: () => import('./views/StartView.vue') },
      { path: '/experiments', name: 'experiments', component: () => import('./views/ExperimentsView.vue') },
      {
        // One id, or several with commas between: a comparison.
        path: '/experiments/:ids',
        name: 'comparison',
        component: () => import('./views/ComparisonView.vue'),
      },
      { path: '/new', name: 'newExperiment', component: () => import('./views/NewExperimentView.vue') },
      { path: '/data/:id?', name: 'data', component: () => import('./views/DataView.vue') },
      { path: '/queue', name: 'queue', component: () => import('./views/QueueView.vue') },
      { path: '/settings', name: 'settings', component: () => import('./views/SettingsView.vue') },
      { path: '/:rest(.*)*', name: 'notFound', component: () => import('./views/NotFoundView.vue') },
    ],
  });
}
