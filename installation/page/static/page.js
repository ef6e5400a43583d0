// The page knows no knob by name: it builds itself from /controls.json, follows /state.json and shows /status.json.
// A knob that a finger is on follows nobody; every other one follows whoever turns it.

const PACE = 33;                  // ms between two turns of one knob: as often as the wall is refreshed
const FAST = 100, SLOW = 300;     // ms between two looks at the knobs, while something moves and otherwise
const SETTLE = 400;               // ms after a turn of ours in which the wall's answer may still be an old one
const LONG_PRESS = 600;           // ms
const PATIENCE = 5000;            // ms until a question that is not answered is given up

const $ = id => document.getElementById(id);
const knobs = new Map(), switches = new Map(), places = new Map();
let controls = null, current = null, storing = false, watching = false;

function make(tag, properties = {}, ...children) {
  const { data = {}, ...rest } = properties, element = document.createElement(tag);
  for (const [name, value] of Object.entries(rest))
    if (name in element && !name.startsWith("aria")) element[name] = value; else element.setAttribute(name, value);
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}

async function ask(path, options = {}) {
  const reply = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE), ...options });
  if (reply.status === 401) { location.replace("/"); throw new Error("the token is asked for"); }
  const body = await reply.json();
  if (!reply.ok) throw new Error(body.error ?? `answer ${reply.status}`);
  return body;
}

const act = (action, value = 1) => ask("/do", {
  method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ action, value }) });

async function press(action, value) {
  try { await act(action, value); } catch (error) { say(error.message, "ill"); }
}

let hush;
function say(words, kind = "") {
  $("said").textContent = words; $("said").className = `now ${kind}`;
  clearTimeout(hush); hush = setTimeout(() => { $("said").className = ""; }, 4000);
}

// -- knobs ------------------------------------------------------------------------------------------------------------

class Knob {
  constructor(row, stops) {
    this.row = row; this.held = false; this.quiet = 0; this.wanted = null; this.sending = false; this.now = row.begin;
    const id = `knob-${row.name}`;
    this.slider = make("input", { type: "range", id, min: row.low, max: row.high, step: "any", "aria-describedby": `${id}-help` });
    this.slider.value = row.begin;
    this.number = document.createTextNode("");  // written over and never replaced: a tap on it would be lost
    this.reading = make("button", { type: "button", className: "reading", title: `back to ${this.text(row.begin)}`,
      "aria-label": `${row.name} back to ${this.text(row.begin)}` }, this.number, make("small", {}, row.unit ? ` ${row.unit}` : ""));
    this.element = make("div", { className: "knob", title: row.help, data: { knob: row.name } }, make("label", { htmlFor: id }, row.name),
      this.reading, this.slider, make("p", { className: "help", id: `${id}-help` }, row.help));
    if (stops) this.element.append(make("div", { className: "stops", role: "group", "aria-label": `${row.name}: ${stops.help}` },
      ...Array.from({ length: stops.numbers }, (_, at) => make("button", { type: "button", onclick: () => press(`${stops.name} ${at + 1}`) }, String(at + 1)))));
    this.slider.addEventListener("pointerdown", () => { this.held = true; });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"])
      this.slider.addEventListener(end, () => { if (this.held) { this.held = false; this.rest(); } });
    this.slider.addEventListener("keydown", event => this.key(event));
    this.slider.addEventListener("input", () => this.turn(Number(this.slider.value)));
    this.reading.addEventListener("click", () => { this.slider.value = row.begin; this.turn(row.begin); });
    this.draw(row.begin);
  }

  text(value) { const text = value.toFixed(this.row.digits); return Number(text) === 0 ? text.replace("-", "") : text; }

  // Arrow keys go by a hundredth of the range, with Page keys a tenth: "any" alone leaves that to the browser.
  key(event) {
    const by = { ArrowLeft: -.01, ArrowDown: -.01, ArrowRight: .01, ArrowUp: .01, PageDown: -.1, PageUp: .1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.slider.value = Number(this.slider.value) + by * (this.row.high - this.row.low);
    this.turn(Number(this.slider.value));
  }

  turn(value) { this.wanted = value; this.rest(); this.draw(this.now); this.send(); }

  rest() { this.quiet = performance.now() + SETTLE; }

  async send() {
    if (this.sending || this.wanted === null) return;
    const begun = performance.now(), value = this.wanted;
    this.sending = true; this.wanted = null;
    await press(this.row.name, value);
    this.rest();
    setTimeout(() => { this.sending = false; this.send(); }, Math.max(0, PACE - (performance.now() - begun)));
  }

  follow([standing, now]) {
    if (!this.held && this.wanted === null && !this.sending && performance.now() > this.quiet) this.slider.value = standing;
    this.draw(now);
  }

  draw(now) {
    this.now = now;
    const { low, high, begin } = this.row, share = value => 100 * (Math.min(high, Math.max(low, value)) - low) / (high - low);
    const zero = share(0), here = share(now), set = Number(this.slider.value);
    this.slider.style.setProperty("--from", `${Math.min(zero, here)}%`);
    this.slider.style.setProperty("--to", `${Math.max(zero, here)}%`);
    const number = this.text(performance.now() < this.quiet || this.held ? set : now), told = `${this.text(set)} ${this.row.unit}`.trim();
    if (this.number.data !== number) this.number.data = number;
    if (this.slider.getAttribute("aria-valuetext") !== told) this.slider.setAttribute("aria-valuetext", told);
    this.element.classList.toggle("moved", this.text(set) !== this.text(begin));
  }
}

// -- what there is ----------------------------------------------------------------------------------------------------

function build(found) {
  controls = found; knobs.clear(); switches.clear(); places.clear();
  const numbered = new Map(found.actions.filter(action => action.kind === "numbered").map(action => [action.name, action]));
  const rows = new Map(found.knobs.map(row => [row.name, row]));
  const [first, ...others] = found.groups;
  const made = group => group.knobs.map(name => {
    const knob = new Knob(rows.get(name), numbered.get(name));
    knobs.set(name, knob); return knob.element;
  });
  $("first").replaceChildren(...(first ? made(first) : []));
  $("knobs").replaceChildren(...others.map(group =>
    make("section", { className: "panel", "aria-label": group.name }, make("h2", {}, group.name), ...made(group))));

  const listed = found.programs.length ? [...numbered.keys()].find(name => found.actions.some(action => action.name.endsWith(` ${name}`))) : null;
  const beside = action => listed && action.kind === "trigger" && action.name.endsWith(` ${listed}`);
  $("switches").replaceChildren(...found.actions.filter(action => action.kind !== "numbered" && !beside(action)).map(action => {
    const button = make("button", { type: "button", title: action.help, data: { action: action.name } }, action.name,
      make("span", { className: "help" }, action.help));
    if (action.kind === "switch") {
      const row = { button, quiet: 0 };
      switches.set(action.name, row);
      button.setAttribute("aria-pressed", "false");
      button.onclick = () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(on)); row.quiet = performance.now() + SETTLE;
        press(action.name, on ? 1 : 0);
      };
    } else button.onclick = () => press(action.name, 1).then(() => say(action.name));
    return button;
  }));
  buildPrograms(found, listed, numbered.get("store"), found.actions.filter(beside));

  for (const id of ["switches", "first", "knobs"]) $(id).hidden = !found.knobs.length;
  $("programs").hidden = !found.programs.length;
  $("snapshots").hidden = !found.snapshots;
  $("wall").hidden = !found.picture.allowed;
  if (found.picture.at_once) watch(true); else if (!found.picture.allowed) watch(false);
  document.body.classList.toggle("hands", found.knobs.length > 0);
  document.body.classList.toggle("screen", found.picture.at_once);
}

function buildPrograms(found, listed, store, steps) {
  const bar = steps.map(action => make("button", { type: "button", title: action.help, "aria-label": action.name,
    onclick: () => press(action.name) }, action.name.slice(0, -listed.length - 1))).reverse();
  if (store) bar.push(make("button", { type: "button", title: store.help, "aria-pressed": "false", data: { edit: "store" },
    onclick: () => edit(!storing) }, store.name));
  $("programs-bar").replaceChildren(...bar);
  const rows = [...found.programs];
  const place = ({ number, name }) => {
    const button = make("button", { type: "button" }, make("small", {}, String(number)), make("span", {}, name));
    button.addEventListener("click", () => {
      if (button.pressedLong) { button.pressedLong = false; return; }
      if (storing) keep(number, name); else press(`${listed} ${number}`);
    });
    if (store) longPress(button, () => { button.pressedLong = true; keep(number, name); });
    places.set(number, button);
    return button;
  };
  $("places").replaceChildren(...rows.map(place));
  if (store && store.numbers > rows.length) {
    const button = place({ number: store.numbers, name: "a new one" });
    button.hidden = true; button.classList.add("new"); $("places").append(button);
  }
  edit(false);
}

function edit(on) {
  storing = on;
  $("programs").classList.toggle("storing", on); $("storing").hidden = !on;
  document.querySelector("[data-edit]")?.setAttribute("aria-pressed", String(on));
  for (const button of document.querySelectorAll("#places .new")) button.hidden = !on;
}

function keep(number, name) {
  $("ask-what").textContent = `Store the look as it stands in place ${number}, ${name}? What was there is replaced.`;
  if (number > controls.programs.length) $("ask-what").textContent = `Store the look as it stands as a new program, number ${number}?`;
  $("ask").returnValue = "no";
  $("ask").onclose = () => { if ($("ask").returnValue === "yes") press(`store ${number}`).then(() => say(`stored in place ${number}`)); edit(false); };
  $("ask").showModal();
}

function longPress(button, then) {
  let timer, at;
  button.addEventListener("pointerdown", event => {
    button.pressedLong = false; at = [event.clientX, event.clientY];
    timer = setTimeout(then, LONG_PRESS);
  });
  button.addEventListener("pointermove", event => { if (at && Math.hypot(event.clientX - at[0], event.clientY - at[1]) > 10) clearTimeout(timer); });
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) button.addEventListener(end, () => clearTimeout(timer));
  button.addEventListener("contextmenu", event => event.preventDefault());
}

// -- how it stands ----------------------------------------------------------------------------------------------------

let before = "", still = 0;
function apply(state) {
  const text = JSON.stringify(state);
  still = text === before ? still + 1 : 0; before = text;
  for (const [name, pair] of Object.entries(state.knobs)) knobs.get(name)?.follow(pair);
  for (const [name, on] of Object.entries(state.switches)) {
    const row = switches.get(name);
    if (row && performance.now() > row.quiet) row.button.setAttribute("aria-pressed", String(on));
  }
  if (current !== state.program || still === 0)
    for (const [number, button] of places) button.setAttribute("aria-current", String(number === state.program));
  current = state.program;
  const badges = [controls.kiosk && ["kiosk", ""], state.switches.record && ["recording", "hot"],
    state.learning && [`learning: ${state.learning}`, "hot"]].filter(Boolean);
  if ($("badges").textContent !== badges.map(([words]) => words).join(""))
    $("badges").replaceChildren(...badges.map(([words, kind]) => make("span", { className: kind }, words)));
}

async function follow() {
  try {
    const state = await ask("/state.json");
    if (!controls || controls.revision !== state.revision) build(await ask("/controls.json"));
    apply(state);
  } catch { /* the figures say that the show does not answer */ }
}

// -- figures ----------------------------------------------------------------------------------------------------------

let count = 0, asked = performance.now(), lost = false;
function state(kind, words) { if ($("state").textContent !== words) $("state").textContent = words; $("state").className = kind; }

function pairs(rows) {
  return rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
}

async function look() {
  try {
    const status = await ask("/status.json"), now = performance.now(), rate = (status.refreshes - count) * 1000 / (now - asked);
    if (status.age_s === null) state("", "waiting for the first picture");
    else if (status.age_s > 2) state("ill", `no new picture for ${Math.round(status.age_s)} s`);
    else state("well", count && rate >= 0 ? `live, ${rate.toFixed(0)} refreshes/s` : "live");
    count = status.refreshes; asked = now;
    const hud = status.hud.slice(1).filter(line => line.trim()).map(line => line.includes("\t") ? line.split("\t", 2) : ["", line]);
    const rows = status.lines.length ? status.lines : hud;
    $("rates").replaceChildren(...status.rates.map(({ name, per_second }) =>
      make("div", {}, make("b", {}, per_second.toFixed(1)), make("span", {}, `${name} fps`))));
    $("lines").replaceChildren(...pairs(rows));
    $("events").replaceChildren(...status.events.map(({ ago_s, what, count }) => make("li", {},
      make("time", {}, ago_s === null ? "" : new Date(Date.now() - 1000 * ago_s).toLocaleTimeString([], { hour12: false })),
      make("span", {}, count > 1 ? `${what} (${count} times)` : what))));
    $("told").hidden = !status.events.length;
    $("figures").hidden = !(rows.length || status.rates.length || status.events.length);
    if (lost && watching) show();
    lost = false;
  } catch { lost = true; state("ill", "the show does not answer"); }
}

// -- the picture, only while somebody looks ---------------------------------------------------------------------------

function show() { $("picture").src = `/picture.mjpeg?${Date.now()}`; }

function watch(on) {
  if (on === watching) return;
  watching = on;
  $("frame").hidden = !on;
  $("watch").textContent = on ? "hide the picture" : "show the picture";
  $("watch").setAttribute("aria-expanded", String(on));
  if (on) show(); else $("picture").src = "data:,";
}

$("watch").addEventListener("click", () => watch(!watching));
$("picture").addEventListener("load", () => {
  const { naturalWidth: width, naturalHeight: height } = $("picture");
  if (width) $("frame").style.setProperty("--ratio", width / height);
});
$("picture").addEventListener("error", () => { if (watching) lost = true; });
$("frame").addEventListener("click", () => document.fullscreenElement ? document.exitFullscreen() : $("frame").requestFullscreen?.());

document.addEventListener("visibilitychange", () => {
  if (watching) { if (document.hidden) $("picture").src = "data:,"; else show(); }
});

// -- snapshots --------------------------------------------------------------------------------------------------------

async function recall(file) {
  if (!file) return;
  try {
    say(`reading ${file.name}`);
    say((await ask("/snapshot", { method: "POST", headers: { "content-type": "image/png" }, body: file, signal: AbortSignal.timeout(60000) })).said);
  } catch (error) { say(error.message, "ill"); }
}

$("file").addEventListener("change", () => { recall($("file").files[0]); $("file").value = ""; });
for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, event => {
  event.preventDefault();
  document.body.classList.toggle("dropping", kind === "dragover" && Boolean(controls?.snapshots));
  if (kind === "drop" && controls?.snapshots) recall(event.dataTransfer.files[0]);
});

$("explain").addEventListener("click", () => {
  const on = document.body.classList.toggle("explain");
  $("explain").setAttribute("aria-pressed", String(on));
});

// Nothing is asked while nobody sees the page.
async function forever(step, rest) {
  for (;;) {
    if (document.hidden) await new Promise(seen => document.addEventListener("visibilitychange", seen, { once: true }));
    else { await step(); await new Promise(over => setTimeout(over, rest())); }
  }
}

forever(follow, () => still < 20 && controls?.knobs.length ? FAST : SLOW);
forever(look, () => 1000);
