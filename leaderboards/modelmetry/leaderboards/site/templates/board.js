(() => {
  const table = document.querySelector("table.board");
  if (!table) return;
  const holder = document.getElementById("board-data");
  const data = holder ? JSON.parse(holder.textContent) : { editions: [], models: [] };
  const body = table.tBodies[0];
  const newest = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const find = document.getElementById("find");
  const order = document.getElementById("sort");
  const edition = document.getElementById("edition");
  const status = document.getElementById("status");
  const caption = table.caption.textContent;
  const loaded = new Map();
  let rows = newest, state = {}, lost = "";

  // Words of the columns, and which of them rise when first asked for.
  const title = (head) => head.querySelector("button")?.textContent ?? head.textContent.trim();
  const columns = heads.map(title);
  const rising = new Set(["Rank", "Model", "Suite and split", "Places open", "Tie group", "Judge"]);
  const key = (row, c) => {
    const text = row.cells[c].textContent.trim();
    if (row.cells[c].tagName === "TH" || columns[c] === "Judge" || /^\d{4}-/.test(text)) return text.toLowerCase();
    const number = parseFloat(text.replace(/[$,\s]/g, ""));
    return Number.isNaN(number) ? -1 : number;
  };
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

  heads.forEach((head, c) => {
    if (head.hasAttribute("data-fixed")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.textContent = columns[c];
    button.addEventListener("click", () => {
      const same = state.sort === columns[c];
      change({ sort: columns[c], dir: same ? (state.dir === "up" ? "down" : "up") : rising.has(columns[c]) ? "up" : "down" });
    });
    head.replaceChildren(button);
    for (const dir of ["up", "down"]) {
      order.append(new Option(`${columns[c]}, ${dir === "up" ? "rising" : "falling"}`, `${columns[c]}|${dir}`));
    }
  });
  document.querySelector(".controls").hidden = false;

  // What is shown stands in the address, so that it can be sent to somebody.
  const first = table.dataset.sort ?? columns[0];
  const usual = () => ({ q: "", sort: first, dir: "up", edition: data.editions[0]?.[0] ?? "", run: "" });
  function read() {
    state = usual();
    lost = "";
    if (!location.hash.includes("=")) return;
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) if (name in state) state[name] = value;
    if (!columns.includes(state.sort)) state.sort = first;
    if (state.dir !== "down") state.dir = "up";
    if (!data.editions.length || data.editions.some((e) => e[0] === state.edition)) return;
    lost = "The edition of this address is not on this board; the newest is shown. ";
    state.edition = usual().edition;
  }
  function address(whole) {
    const plain = usual(), said = new URLSearchParams();
    for (const name of ["edition", "run", "q", "sort", "dir"]) {
      if (state[name] && (state[name] !== plain[name] || (name === "edition" && (state.run || whole)))) said.set(name, state[name]);
    }
    return said.size ? "#" + said : "";
  }
  function change(what) {
    Object.assign(state, { run: "" }, what);
    lost = "";
    history.replaceState(null, "", address() || location.pathname.split("/").pop() + location.search);
    show();
  }

  async function show() {
    find.value = state.q;
    order.value = `${state.sort}|${state.dir}`;
    edition.value = state.edition;
    const wanted = state.edition;
    try {
      rows = await rowsOf(wanted);
    } catch {
      status.textContent = "This edition cannot be loaded: its file is missing beside this page.";
      return;
    }
    if (wanted !== state.edition) return;
    const c = columns.indexOf(state.sort), sign = state.dir === "up" ? 1 : -1;
    const words = state.q.toLowerCase().trim();
    const name = heads.findIndex((head, i) => newest[0].cells[i].tagName === "TH");
    const keyed = rows.map((row, i) => [key(row, c), i, row]);
    keyed.sort((a, b) => sign * compare(a[0], b[0]) || a[1] - b[1]);
    body.replaceChildren(...keyed.map((k) => k[2]));
    let shown = 0;
    for (const row of rows) {
      row.hidden = Boolean(words) && !row.cells[name].textContent.toLowerCase().includes(words);
      shown += !row.hidden;
      row.classList.toggle("sought", Boolean(state.run) && row.id.endsWith("run=" + state.run));
    }
    heads.forEach((head, i) => {
      if (i === c) head.setAttribute("aria-sort", state.dir === "up" ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    table.classList.toggle("by-rank", state.sort === "Rank");
    const past = data.editions.length && wanted !== data.editions[0][0];
    const which = past ? ` of the edition of ${data.editions.find((e) => e[0] === wanted)[2]}` : "";
    table.caption.textContent = caption + which;
    status.textContent = `${lost}${shown} of ${rows.length} rows${which} shown, by ${state.sort.toLowerCase()}, ${state.dir === "up" ? "rising" : "falling"}`;
    const here = document.getElementById("here");
    if (here) here.href = holder.dataset.own + address(true);
    if (state.run) table.querySelector(".sought")?.scrollIntoView({ block: "center" });
  }

  // Earlier editions lie in files beside the page, a few in each; a script loads from a disk, too.
  window.leaderboardHistory = (number, boards) => loaded.set(number, boards);
  function file(number) {
    if (loaded.has(number)) return Promise.resolve();
    return new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = holder.dataset.history + number + ".js";
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    });
  }
  const unpacked = new Map();
  async function rowsOf(wanted) {
    const found = data.editions.find((e) => e[0] === wanted);
    if (!found || found[4] < 0) return newest;
    if (!unpacked.has(wanted)) {
      status.textContent = "Loading the edition";
      await file(found[4]);
      unpacked.set(wanted, unpack(wanted, found[3], loaded.get(found[4])[wanted]));
    }
    return unpacked.get(wanted);
  }
  function unpack(wanted, n, text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const all = new Uint16Array(bytes.buffer);
    const column = (c) => all.subarray(c * n, (c + 1) * n);
    const [model, rank, best, worst, group, value, low, high, days, i0, i1, c0, c1] = Array.from({ length: 13 }, (_, c) => column(c));
    return Array.from({ length: n }, (_, i) => {
      const digest = Array.from({ length: 6 }, (_, c) => column(13 + c)[i])
        .map((pair) => String.fromCharCode(pair & 255, pair >> 8)).join("");
      const cost = new Float32Array(new Uint32Array([c0[i] + c1[i] * 65536]).buffer)[0];
      return line({
        anchor: `edition=${wanted}&run=${digest}`, model: data.models[model[i]], rank: rank[i], best: best[i], worst: worst[i],
        group: group[i], value: value[i], low: low[i], high: high[i], items: i0[i] + i1[i] * 65536, cost,
        date: new Date(days[i] * 864e5).toISOString().slice(0, 10),
      });
    });
  }
  const none = 65535;
  function line(e) {
    const row = newest[0].cloneNode(true);
    const cell = (name) => row.cells[columns.indexOf(name)];
    row.id = e.anchor;
    row.className = e.group % 2 ? "" : "even";
    const rank = cell("Rank").firstElementChild;
    rank.textContent = e.rank;
    rank.href = holder.dataset.own + "#" + e.anchor;
    rank.setAttribute("aria-label", `Rank ${e.rank}: link to this row`);
    const [name, slug] = e.model;
    const link = document.createElement("a");
    link.textContent = name;
    link.href = `../../models/${slug}.html`;
    const head = cell("Model");
    head.replaceChildren(link);
    if (name.startsWith(data.reference)) {
      const note = document.createElement("span");
      note.className = "soft small";
      note.textContent = "reference instrument";
      head.append(document.createElement("br"), note);
    }
    const open = e.low === none || e.high === none;
    const digits = !open && e.high - e.low < 100 ? 2 : 1;
    const share = (v) => (v / 100).toFixed(digits);
    const span = open ? "none" : `${share(e.low)} to ${share(e.high)}\u00a0%`;
    cell("Accuracy").firstChild.textContent = `${share(e.value)}\u00a0%`;
    cell("Accuracy").lastChild.textContent = span;
    cell("Places open").textContent = e.best === e.worst ? e.best : `${e.best} to ${e.worst}`;
    cell("Tie group").textContent = e.group;
    cell("Items").textContent = e.items.toLocaleString("en-US");
    cell("Cost").textContent = !(e.cost > 0) ? "\u2013" : e.cost >= 0.1 ? "$" + e.cost.toFixed(2) : "$" + e.cost.toPrecision(2);
    if (columns.includes("Judge")) cell("Judge").textContent = "see CSV";
    cell("Date").textContent = e.date;
    const svg = row.querySelector("svg");
    svg.setAttribute("aria-label", `${name}: ${share(e.value)}\u00a0%, interval ${span}`);
    const at = (v) => (v / 100).toFixed(2) + "%";
    svg.querySelector(".ci")?.remove();
    const dot = svg.querySelector(".dot");
    dot.setAttribute("cx", at(e.value));
    if (!open) {
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "line");
      for (const [k, v] of Object.entries({ class: "ci", x1: at(e.low), x2: at(e.high), y1: 13, y2: 13 })) bar.setAttribute(k, v);
      dot.before(bar);
    }
    return row;
  }

  if (data.editions.length > 1) {
    for (const [k, , last, , , seed] of data.editions) {
      edition.append(new Option(`${last}, seed ${seed.slice(0, 8)}`, k));
    }
    document.getElementById("edition-label").hidden = false;
  }
  let typing;
  find.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => change({ q: find.value }), 80); });
  order.addEventListener("change", () => { const [sort, dir] = order.value.split("|"); change({ sort, dir }); });
  edition.addEventListener("change", () => change({ edition: edition.value }));
  window.addEventListener("hashchange", () => { read(); show(); });
  read();
  show();
})();
