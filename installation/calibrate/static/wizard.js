// The page asks how the wizard stands and shows that; what can be pressed is told by the wizard itself.
// Everything that is shown is put in as text, never as markup.

const PACE = 300;       // ms between two questions
const PATIENCE = 5000;  // ms until a question that is not answered is given up
const NAMES = { begin: "Begin", again: "Again", skip: "Skip", next: "Next", stop: "Stop" };
const STATES = { ahead: "", waiting: "next", running: "at work", done: "done", skipped: "skipped", refused: "not done", stopped: "stopped" };
const MARKS = { done: "✓", refused: "!", stopped: "!", skipped: "–" };

const $ = id => document.getElementById(id);
let drawn = "", over = false;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
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

let hush;
function say(words) {
  $("said").textContent = words; $("said").className = "now ill";
  clearTimeout(hush); hush = setTimeout(() => { $("said").className = ""; }, 4000);
}

async function press(button, stage = null) {
  try {
    draw(await ask("/do", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ button, stage }) }));
  } catch (error) { say(error.message); }
}

function button(name, stage, kind = "") {
  const made = make("button", { type: "button", className: kind, onclick: () => press(name, stage) }, NAMES[name] ?? name);
  made.dataset.press = `${name} ${stage}`;
  return made;
}

function status(kind, words) { $("state").className = kind; $("state").textContent = words; }

// Drawn anew only when something other than the progress changed: a button under a finger must stay.
function draw(found) {
  over = found.phase === "over";
  const at = found.stages.findIndex(row => row.name === found.stage), row = found.stages[at];
  const running = found.phase === "running";
  status(over ? "" : "well", over ? "ended" : running ? "at work" : found.phase);
  $("bar").value = found.done;
  if ($("sentence").textContent !== found.sentence) $("sentence").textContent = found.sentence;
  const { sentence, done, pictures, ...rest } = found, now = JSON.stringify(rest);
  if (now === drawn) return;
  drawn = now;
  $("now").hidden = !row || over;
  $("finished").hidden = found.phase !== "finished";
  if (row) {
    $("number").textContent = `${at + 1} of ${found.stages.length}${row.optional ? ", can be left out" : ""}`;
    $("title").textContent = row.title;
    $("purpose").textContent = row.purpose;
    $("prepare").textContent = row.prepare;
    $("prepare").hidden = running;
    $("print").hidden = row.name !== "lens" || running;
    $("working").hidden = !running;
    $("trouble").textContent = row.trouble;
    $("trouble").hidden = !row.trouble;
    const kinds = { begin: "yes", again: "yes", next: "yes", stop: "stop" };
    $("buttons").replaceChildren(...row.buttons.map(name => button(name, row.name, kinds[name])));
    $("picture-frame").querySelector("figcaption").hidden = !running;
    $("picture").alt = running ? "What the wall shows" : "What stands where";
  }
  $("stages").replaceChildren(...found.stages.map((each, place) => {
    const lines = make("div", { className: "lines" }, ...each.lines.map(line => make("p", {}, line)));
    if (each.trouble && each.name !== found.stage) lines.append(make("p", { className: "ill" }, each.trouble));
    const title = make("span", { className: "title" }, each.title, make("small", {}, STATES[each.state] ?? each.state));
    const again = each.name === found.stage ? [] : each.buttons.map(name => button(name, each.name));
    const item = make("li", { className: each.state }, make("span", { className: "mark" }, MARKS[each.state] ?? String(place + 1)),
      title, ...(again.length ? again : [make("span")]), lines);
    if (each.name === found.stage) item.setAttribute("aria-current", "step");
    return item;
  }));
}

// A picture is asked for when its number changed and the one before has come.
const asked = {};
function look(kind, number) {
  const frame = $(`${kind}-frame`), image = $(kind);
  frame.hidden = number === null;
  if (number === null || asked[kind] === number || (image.dataset.busy && !image.complete)) return;
  asked[kind] = number;
  image.dataset.busy = "yes";
  image.src = `/${kind}.jpg?${number}`;
}
for (const kind of ["picture", "eye"]) $(kind).addEventListener("error", () => { asked[kind] = undefined; });

async function follow() {
  try {
    const found = await ask("/state.json");
    draw(found);
    for (const [kind, number] of Object.entries(found.pictures)) look(kind, number);
    $("sights").className = found.pictures.eye === null ? "one" : "";
  } catch {
    if (over) { $("finished").hidden = $("now").hidden = true; status("", "the wizard has ended"); }
    else status("ill", "the wizard does not answer");
  }
}

$("end").addEventListener("click", () => press("end"));

// Nothing is asked while nobody sees the page.
for (;;) {
  if (document.hidden) await new Promise(seen => document.addEventListener("visibilitychange", seen, { once: true }));
  else { await follow(); await new Promise(rest => setTimeout(rest, PACE)); }
}
