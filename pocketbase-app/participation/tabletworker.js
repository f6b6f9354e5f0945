// Keeps the pages of a tablet alive without the network. What is in store was put
// there by the page itself (site/assets/js/tablet.js); this file only looks it up.
// Requests that change something go by untouched.

const patience = 4000; // milliseconds until a slow network counts as none

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (e) => e.waitUntil(self.clients.claim()));

// The page as of now, or the stored one when the server cannot be reached or fails.
// Redirects (to the pairing) and refusals (the survey is closed) are shown.
const page = async (request) => {
  const stored = await caches.match(request, { ignoreSearch: true });
  if (!stored) return fetch(request);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(patience) });
    return answer.status < 500 ? answer : stored;
  } catch {
    return stored;
  }
};

self.addEventListener("fetch", (e) => {
  const { request } = e;
  const url = new URL(request.url);
  if (request.method != "GET" || url.origin != location.origin || url.pathname.startsWith("/api/")) return;
  if (request.mode == "navigate") e.respondWith(page(request));
  else if (request.cache != "no-cache") e.respondWith(caches.match(request).then((stored) => stored || fetch(request)));
});
