// Makes the pages live: local times, the countdown, and the channel list as the server tells of changes.
// Everything works without it.
"use strict";

const LIST_RETRY_MS = 5000;
const REFRESH_MS = 5000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const live = document.querySelector("[data-live]");
const livePage = document.querySelector("[data-live-page]");
let source = null;
let refreshing = false;
const changed = new Set();
let dueTimer = 0;

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

const timeFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const longFormat = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
});
const ownZone = longFormat.resolvedOptions().timeZone;

function showTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.title = time.dataset.utc ??= time.textContent.trim();
    const moment = new Date(time.dateTime);
    time.textContent = "long" in time.dataset ? `${longFormat.format(moment)} ${ownZone}` : timeFormat.format(moment);
  }
}

function relative(minutes) {
  if (minutes < 1) return "Any moment";
  if (minutes < 90) return `In ${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
  if (minutes < 48 * 60) return `In ${Math.round(minutes / 60)} hours`;
  return `In ${Math.round(minutes / 1440)} days`;
}

function showDistances() {
  for (const shown of document.querySelectorAll("[data-relative]")) {
    shown.textContent = relative(Math.round((Date.parse(shown.dataset.relative) - Date.now()) / 60000));
  }
}

function addCopyButtons(root) {
  for (const shown of root.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${shown.textContent}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(shown.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    shown.after(button);
  }
}

// The server gives the seconds that are left; what the clock here says does not matter.
function countDown(root) {
  for (const button of root.querySelectorAll("button[data-wait]")) {
    const end = performance.now() + Number(button.dataset.wait) * 1000;
    const label = button.querySelector("[data-label]");
    const tick = () => {
      const left = Math.ceil((end - performance.now()) / 1000);
      button.disabled = left > 0;
      label.textContent = left > 0 ? `Wait ${clock(left)}` : button.dataset.ready || "Resend Notification";
      if (left <= 0 || !button.isConnected) clearInterval(timer);
    };
    if (!(button.dataset.wait > 0)) continue;
    const timer = setInterval(tick, 250);
    tick();
  }
}

function enhance(root) {
  showTimes(root);
  countDown(root);
}

// A broadcast falls due by the clock alone: nothing is written then, so nobody tells.
function watchDue() {
  clearTimeout(dueTimer);
  if (!live) return;
  const now = Date.now();
  const cards = [...live.querySelectorAll("[data-due]")].filter((card) => Date.parse(card.dataset.due) > now);
  if (!cards.length) return;
  const next = Math.min(...cards.map((card) => Date.parse(card.dataset.due)));
  const due = cards.filter((card) => Date.parse(card.dataset.due) < next + 1000);
  const ask = () => due.forEach((card) => want(channelOf(card)));
  dueTimer = setTimeout(ask, Math.min(next - now + 1500, LONGEST_TIMER_MS));
}

const total = (page) => page.getElementById("channel-count").dataset.total;

// What stands around the cards: counts, states, pages.
function swapAround(fresh) {
  for (const id of ["channel-count", "channel-new", "channel-states", "channel-pages"]) {
    const before = document.getElementById(id), after = fresh.getElementById(id);
    if (before.innerHTML.trim() === after.innerHTML.trim()) continue;
    const href = before.contains(document.activeElement) && document.activeElement.getAttribute("href");
    before.replaceChildren(...after.childNodes);
    before.dataset.total = after.dataset.total;
    if (href) [...before.querySelectorAll("a")].find((link) => link.getAttribute("href") === href)?.focus();
  }
}

function removeCard(card, said, why) {
  if (card.dataset.name) said.push(`${card.dataset.name}: ${why}`);
  if (card.contains(document.activeElement)) document.getElementById("main").focus();
  card.remove();
}

// A card is named after the channel's two ids.
const channelOf = (card) => card.id.slice(1).replace("_", " ");

function swapCard(card, said) {
  const before = document.getElementById(card.id);
  if (before?.dataset.version === card.dataset.version) return;
  const key = before?.contains(document.activeElement) && document.activeElement.dataset.key;
  if (before) before.replaceWith(card);
  else document.getElementById("channel-list").append(card);
  enhance(card);
  card.classList.add("fresh");
  if (key) (card.querySelector(`[data-key="${key}"]:enabled, a[data-key="${key}"]`) || document.getElementById("main")).focus();
  if (card.dataset.state && before?.dataset.state !== card.dataset.state) said.push(`${card.dataset.name}: ${card.dataset.state}`);
}

async function ask(channel) {
  const address = new URL(live.dataset.live, location.href);
  if (channel) {
    const [open, closed] = channel.split(" ");
    address.searchParams.set("open_id", open);
    address.searchParams.set("closed_id", closed);
  }
  const answer = await fetch(address, { credentials: "same-origin", cache: "no-store" });
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) throw new Error(`the list answered ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

async function loadList() {
  const fresh = await ask(""), said = [];
  const why = Number(total(fresh)) < Number(total(document)) ? "deleted" : "no longer on this page";
  swapAround(fresh);
  const list = document.getElementById("channel-list");
  const wanted = [...fresh.getElementById("channel-list").children];
  const ids = new Set(wanted.map((card) => card.id));
  for (const card of [...list.children]) if (!ids.has(card.id)) removeCard(card, said, why);
  wanted.forEach((card, place) => {
    swapCard(card, said);
    const here = document.getElementById(card.id);
    if (list.children[place] !== here) list.insertBefore(here, list.children[place]);
  });
  return said;
}

// The parts of a channel's page that change by themselves; what somebody is using stays.
async function loadParts() {
  const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
  if (!answer.ok) throw new Error(`the page answered ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!fresh.querySelector("[data-part]")) {
    location.reload();
    return [];
  }
  for (const before of document.querySelectorAll("[data-part]")) {
    const after = fresh.querySelector(`[data-part="${before.dataset.part}"]`);
    const source = after.innerHTML;
    if (before.contains(document.activeElement) || before.source === source) continue;
    before.replaceChildren(...after.childNodes);
    before.source = source;
    enhance(before);
  }
  return [];
}

// One card and the counts. A channel that came or went moves others: then the whole page is asked for.
async function loadCard(channel) {
  const fresh = await ask(channel), said = [];
  if (total(fresh) !== total(document)) return loadList();
  swapAround(fresh);
  const [before, card] = [document, fresh].map((page) => page.getElementById(`c${channel.replace(" ", "_")}`));
  if (before && card) swapCard(card, said);
  else if (before) return loadList();
  return said;
}

// One at a time; "" stands for the whole list, and makes the others needless.
async function refresh() {
  if (refreshing) return;
  refreshing = true;
  try {
    while (changed.size) {
      const [channel] = changed.has("") ? [""] : changed;
      channel ? changed.delete(channel) : changed.clear();
      try {
        const said = await (livePage ? loadParts() : channel ? loadCard(channel) : loadList());
        if (said.length) document.getElementById("news").textContent = said.join(". ");
      } catch {
        changed.add(channel);
        setTimeout(refresh, LIST_RETRY_MS);
        return;
      }
    }
    watchDue();
  } finally {
    refreshing = false;
  }
}

function want(channel) {
  changed.add(channel);
  refresh();
}

// Each stream begins with an event for the whole list: whatever changed before it was told to nobody.
function connect() {
  if (source || document.hidden) return;
  source = new EventSource("/events");
  source.addEventListener("changed", (event) => want(livePage ? "" : event.data));
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED) return;
    source = null;
    want("");
    setTimeout(connect, LIST_RETRY_MS);
  });
}

function disconnect() {
  source?.close();
  source = null;
}

// Each list offers what goes with the other field's value; one that is in no pair narrows nothing.
function goWith(list) {
  const other = document.getElementById(list.dataset.goesWith);
  const narrow = () => {
    const fits = (option) => option.dataset.with.split(" ").includes(other.value.trim());
    const some = [...list.options].some(fits);
    for (const option of list.options) option.disabled = some && !fits(option);
  };
  other.addEventListener("input", narrow);
  narrow();
}

// A part of a page that asks for itself anew; what is open stays open, and focus stays where it was.
function keepFresh(part) {
  const again = async () => {
    try {
      if (document.hidden) return;
      const answer = await fetch(part.dataset.refresh, { credentials: "same-origin", cache: "no-store" });
      if (answer.status === 401) return location.assign("/login");
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
      for (const details of part.querySelectorAll("details[open]")) fresh.querySelector(`#${details.id}`)?.setAttribute("open", "");
      const place = [...part.querySelectorAll("summary, [tabindex]")].indexOf(document.activeElement);
      part.replaceChildren(...fresh.childNodes);
      enhance(part);
      if (place >= 0) part.querySelectorAll("summary, [tabindex]")[place]?.focus();
    } catch {
      // The next round asks again.
    } finally {
      setTimeout(again, REFRESH_MS);
    }
  };
  setTimeout(again, REFRESH_MS);
}

// What the messages will look like, asked of the server as one types: it alone makes them.
function previewBeside(form) {
  const shown = document.getElementById(form.dataset.preview);
  let timer = 0, asked = 0;
  const show = async () => {
    const turn = ++asked;
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch("/channels/preview", { method: "POST", body, credentials: "same-origin" }).catch(() => null);
    if (answer?.ok && turn === asked) shown.innerHTML = await answer.text();
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 250);
  });
  show();
}

// A form that somebody is filling in survives a session that ends meanwhile; this tab alone knows it, until one signs out.
function keepDraft(form) {
  const key = `draft:${location.pathname}`;
  let draft = null;
  try {
    draft = JSON.parse(sessionStorage.getItem(key));
  } catch {}
  if (draft && sessionStorage.getItem("session-lost")) {
    sessionStorage.removeItem("session-lost");
    for (const [name, value] of draft) {
      for (const field of form.elements) {
        if (field.name !== name) continue;
        if (field.type === "radio" || field.type === "checkbox") field.checked = field.value === value || field.checked && field.type === "checkbox";
        else field.value = value;
      }
    }
  }
  form.addEventListener("input", () => sessionStorage.setItem(key, JSON.stringify([...new FormData(form)])));
}

enhance(document);
addCopyButtons(document);
document.querySelectorAll("[data-refresh]").forEach(keepFresh);
setInterval(showDistances, 20_000);
showDistances();
for (const zone of document.querySelectorAll("[data-own-zone]")) zone.value ||= ownZone;
if (document.getElementById("password")) sessionStorage.setItem("session-lost", "1");
document.querySelector("form.who")?.addEventListener("submit", () => sessionStorage.clear());
document.querySelectorAll("form[data-draft]").forEach(keepDraft);
document.querySelectorAll("form[data-preview]").forEach(previewBeside);
document.querySelectorAll("datalist[data-goes-with]").forEach(goWith);
document.querySelector("[data-focus]")?.focus();
if (live || livePage) {
  watchDue();
  connect();
  // A hidden tab needs no connection: a browser has few of them for one host.
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", connect);
}
