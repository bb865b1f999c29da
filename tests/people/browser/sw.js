// A worker that would answer for every page below its scope.
self.addEventListener('fetch', (event) => event.respondWith(new Response('mine')));
