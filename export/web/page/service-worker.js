// Service worker: keeps the page, so that it is there without a network. The export fills in the first three.

const FILES = [];
const VERSION = "";
const LARGE = []; // SHA-256 of the files that the engine keeps itself, once it has checked them

const nameOf = (what) => `ecg ${registration.scope} ${what}`; // others may keep things at this origin as well
const kept = new Set([VERSION, ...LARGE].map(nameOf));

oninstall = (event) => event.waitUntil(caches.open(nameOf(VERSION)).then((cache) => cache.addAll(FILES)));

onactivate = (event) =>
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(isOld).map((name) => caches.delete(name)))));

function isOld(name) {
  return name.startsWith(nameOf("")) && !kept.has(name);
}

onfetch = (event) =>
  event.respondWith(
    caches
      .open(nameOf(VERSION))
      .then((cache) => cache.match(event.request))
      .then((found) => found ?? fetch(event.request)),
  );
