// Keeps the page of the door alive without a connection. einlass.js puts the page
// and its files into store; requests that change something go by untouched.

const patience = 4000; // milliseconds until a slow network counts as none

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (e) => e.waitUntil(self.clients.claim()));

const page = async (request) => {
  const stored = await caches.match(request, { ignoreSearch: true });
  if (!stored) return fetch(request);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(patience) });
    return answer.status < 500 ? answer : stored; // a log-in page or a refusal is shown
  } catch {
    return stored;
  }
};

self.addEventListener("fetch", (e) => {
  const { request } = e;
  const url = new URL(request.url);
  if (request.method != "GET" || url.origin != location.origin || url.pathname.endsWith("/liste")) return;
  if (request.mode == "navigate") e.respondWith(page(request));
  else e.respondWith(fetch(request).catch(async () => (await caches.match(request)) || Response.error()));
});
