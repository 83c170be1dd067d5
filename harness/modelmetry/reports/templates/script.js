{% include "theme.js" %}
(() => {
  const holder = document.getElementById("samples-data");
  if (!holder) return;
  const samples = JSON.parse(holder.textContent);
  const pictures = JSON.parse(document.getElementById("samples-pictures")?.textContent ?? "{}");
  const list = document.getElementById("samples-list");
  const status = document.getElementById("samples-status");
  const more = document.getElementById("samples-more");
  const search = document.getElementById("search");
  const filters = ["model", "split", "wording", "verdict"];
  const select = (name) => document.getElementById("filter-" + name);
  const PAGE = 20;
  let matching = [], shown = 0;

  const verdict = (s) =>
    s.outcome !== "answered" ? s.outcome : s.value === 1 ? "right" : s.value === 0 ? "wrong" : "partly right";
  for (const s of samples) {
    s.verdict = verdict(s);
    s.haystack = [s.item, s.prompt, s.response, s.expected, s.answer, s.reason].join("\n").toLowerCase();
  }
  for (const name of filters) {
    const box = select(name);
    const values = [...new Set(samples.map((s) => s[name]))];
    for (const value of values) {
      const n = samples.filter((s) => s[name] === value).length;
      box.append(new Option(`${value} (${n})`, value));
    }
    if (name === "model" && values.length < 2) box.parentElement.hidden = true;
    box.addEventListener("change", refresh);
  }
  search.addEventListener("input", refresh);
  more.addEventListener("click", () => {
    const first = shown;
    show();
    const next = list.children[first];
    if (next) { next.tabIndex = -1; next.focus(); }
  });

  function refresh() {
    const wanted = filters.map((name) => [name, select(name).value]).filter(([, value]) => value);
    const words = search.value.toLowerCase().trim();
    matching = samples.filter(
      (s) => wanted.every(([name, value]) => s[name] === value) && (!words || s.haystack.includes(words)));
    list.replaceChildren();
    shown = 0;
    show();
  }
  function show() {
    list.append(...matching.slice(shown, shown + PAGE).map(card));
    shown = Math.min(shown + PAGE, matching.length);
    more.hidden = shown === matching.length;
    status.textContent = `${shown} of ${matching.length} matching samples shown`;
  }
  function element(tag, text, name) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
  }
  function block(title, text) {
    const box = element("div");
    const words = element("pre", text);
    words.tabIndex = 0;
    words.setAttribute("aria-label", title);
    box.append(element("h4", title), words);
    return box;
  }
  function seen(box) {
    const words = box.lastChild;
    const pieces = words.textContent.split(/(\[picture [0-9a-f]{8}\])/);
    if (pieces.length < 2) return box;
    words.replaceChildren(...pieces.map((piece) => {
      if (!Object.hasOwn(pictures, piece)) return piece;
      const shown = element("img", undefined, "picture");
      shown.loading = "lazy";
      shown.alt = shown.title = piece;
      shown.src = pictures[piece];
      return shown;
    }));
    return box;
  }
  function card(s) {
    const box = element("article", undefined, "sample");
    const head = element("header");
    const mark = element("span", undefined, "verdict");
    const spot = element("i");
    spot.style.setProperty("--k", `var(--${s.verdict.replaceAll(" ", "-")})`);
    mark.append(spot, s.verdict);
    head.append(mark);
    if (samples.some((other) => other.model !== s.model)) head.append(element("span", s.model));
    head.append(element("span", `${s.split}, wording ${s.wording}` + (s.repeat ? `, repeat ${s.repeat + 1}` : "")));
    head.append(element("code", s.item));
    const texts = element("div", undefined, "texts");
    texts.append(seen(block("What the model read", s.prompt)));
    const right = element("div");
    right.append(block("What it wrote", s.response === null ? "(nothing came back)" : s.response || "(empty text)"));
    const reading = element("dl", undefined, "facts");
    const pairs = [["read as", s.answer || "no answer"], ["right answer", s.expected],
      ["score", s.value === null ? "unscored" : String(s.value)]];
    if (s.reason) pairs.push(["reason", s.reason]);
    for (const [term, value] of pairs) {
      const pair = element("div");
      pair.append(element("dt", term), element("dd", value));
      reading.append(pair);
    }
    right.append(reading);
    texts.append(right);
    box.append(head, texts);
    return box;
  }
  refresh();
})();
