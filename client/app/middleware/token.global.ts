const prefix = '#token=';

/**
 * Takes the token out of a link such as `/#token=...`. A fragment never reaches a server; removing it keeps the token out
 * of the history and of screenshots too.
 */
export default defineNuxtRouteMiddleware((to) => {
  if (!to.hash.startsWith(prefix)) return undefined;
  useSession().signIn(to.hash.slice(prefix.length));
  return navigateTo({ path: to.path, query: to.query, hash: '' }, { replace: true });
});
