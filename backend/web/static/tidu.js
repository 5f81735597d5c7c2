// What pages gain by JavaScript. Every page works without it; nothing here decides anything.

"use strict";

document.documentElement.classList.add("has-js");

// Charts ---------------------------------------------------------------------------------------------------
// A chart is <figure data-chart> with its figures in <script type="application/json">:
//   {kind: "line" | "area" | "bar" | "stacked" | "rows", unit, categories: […],
//    series: [{name, values: […], tone?}], target?: {value, name}}
// A missing figure is null and leaves a gap. Tones are rungs (high_tech) or good, near, open, bad, idle.

const TONES = ["--near", "--rung-tech_sme", "--rung-gazelle", "--rung-srdi", "--rung-listed", "--idle"];

function colour(tone, place) {
  const style = getComputedStyle(document.documentElement);
  const named = tone && (style.getPropertyValue(`--rung-${tone}`) || style.getPropertyValue(`--${tone}`));
  return (named || style.getPropertyValue(TONES[place % TONES.length])).trim();
}

function inWords(value) {
  return value === null || value === undefined
    ? "—"
    : Number(value).toLocaleString("zh-CN", { maximumFractionDigits: 2 });
}

function optionOf(spec, width) {
  const lies = spec.kind === "rows";
  const categories = {
    type: "category",
    data: spec.categories,
    inverse: lies,
    axisTick: { show: false },
    axisLine: { lineStyle: { color: "#c3ced8" } },
    axisLabel: lies || spec.categories.length > 8 ? { color: "#526373" } : namesBelow(spec, width),
  };
  const values = {
    type: "value",
    name: lies ? "" : spec.unit,
    nameTextStyle: { color: "#526373", align: "right" },
    splitLine: { lineStyle: { color: "#eaeff3" } },
    axisLabel: { color: "#526373", formatter: inWords },
    minInterval: spec.whole ? 1 : undefined,
    // A target above all figures must still be in the picture.
    max: spec.target ? (extent) => (spec.target.value > extent.max ? roundUp(spec.target.value) : null) : undefined,
  };
  return {
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    animationDuration: 300,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 8, right: 16, top: spec.series.length > 1 || !lies ? 40 : 8, bottom: 4, containLabel: true },
    legend: spec.series.length > 1 ? { top: 0, right: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10 } : undefined,
    tooltip: {
      trigger: "axis",
      // Drawn on the canvas: a tooltip in HTML needs style attributes, which the page forbids.
      renderMode: "richText",
      confine: true,
      axisPointer: { type: spec.kind === "line" || spec.kind === "area" ? "line" : "shadow" },
      valueFormatter: (value) => `${inWords(value)} ${spec.unit ?? ""}`,
    },
    xAxis: lies ? values : categories,
    yAxis: lies ? categories : values,
    series: spec.series.map((line, place) => seriesOf(spec, line, place)),
  };
}

function roundUp(value) {
  const step = 10 ** Math.floor(Math.log10(value)) / 2;
  return Math.ceil((value * 1.02) / step) * step;
}

function namesBelow(spec, width) {
  // Few names are all shown, broken over lines rather than left out.
  const room = Math.floor((width - 60) / spec.categories.length) - 6;
  return { color: "#526373", interval: 0, width: room, overflow: "break", lineHeight: 16 };
}

function seriesOf(spec, line, place) {
  const isLine = spec.kind === "line" || spec.kind === "area";
  const tone = colour(line.tone, place);
  return {
    name: line.name,
    type: isLine ? "line" : "bar",
    data: line.values,
    stack: spec.kind === "stacked" ? "all" : undefined,
    color: tone,
    barMaxWidth: 28,
    symbolSize: 6,
    lineStyle: { width: 2, type: line.dashed ? "dashed" : "solid" },
    areaStyle: spec.kind === "area" ? { opacity: 0.12 } : undefined,
    itemStyle: { borderRadius: isLine || spec.kind === "stacked" ? 0 : 3 },
    label: spec.kind === "rows" ? { show: true, position: "right", color: "#526373", formatter: (p) => inWords(p.value) } : undefined,
    markLine:
      spec.target && place === 0
        ? {
            silent: true,
            symbol: "none",
            lineStyle: { color: "#b3261e", type: "dashed" },
            label: { formatter: `${spec.target.name ?? "目标"} ${inWords(spec.target.value)}`, position: "insideEndTop", color: "#b3261e" },
            data: [spec.kind === "rows" ? { xAxis: spec.target.value } : { yAxis: spec.target.value }],
          }
        : undefined,
  };
}

let chartsLibrary;

function loadCharts() {
  // A third of a megabyte, so only pages with a chart fetch it.
  chartsLibrary ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector('meta[name="echarts"]').content;
    script.onload = () => resolve(window.echarts);
    script.onerror = reject;
    document.head.append(script);
  });
  return chartsLibrary;
}

async function drawCharts(root) {
  const figures = [...root.querySelectorAll("[data-chart]:not([data-drawn])")];
  if (!figures.length) return;
  for (const figure of figures) figure.dataset.drawn = "";
  const echarts = await loadCharts();
  for (const figure of figures) {
    const canvas = figure.querySelector(".chart-canvas");
    const chart = echarts.init(canvas, null, { renderer: "canvas" });
    const spec = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    chart.setOption(optionOf(spec, canvas.clientWidth));
    new ResizeObserver(() => chart.resize()).observe(canvas);
  }
}

// Small comforts -------------------------------------------------------------------------------------------

document.addEventListener("change", (event) => {
  // A filter takes effect when it is chosen; the button is for those without JavaScript.
  if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
});

document.addEventListener("submit", (event) => {
  const question = (event.submitter?.dataset ?? {}).confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

// The same sent twice by the same button within moments is one wish and a double click.
const DOUBLE_CLICK = 2_000;
const sentLast = new WeakMap();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
  const last = sentLast.get(form);
  const words = new URLSearchParams(new FormData(form, event.submitter)).toString();
  const sent = { by: event.submitter, words, at: event.timeStamp };
  if (last?.by === sent.by && last.words === words && sent.at - last.at < DOUBLE_CLICK) {
    event.preventDefault();
    event.stopImmediatePropagation();
  } else {
    sentLast.set(form, sent);
  }
}, true);

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) print();
  event.target.closest("[data-dismiss]")?.closest(".message")?.remove();
});

// Panels ---------------------------------------------------------------------------------------------------
// <details> with a .panel lies over the page: it goes when one is done with it, and gives the focus back.

function panelAround(element) {
  let one = element.closest("details");
  while (one && !one.querySelector(":scope > .panel")) one = one.parentElement.closest("details");
  return one;
}

function closePanels(except) {
  for (const { parentElement: one } of document.querySelectorAll("details[open] > .panel"))
    if (one !== except) one.open = false;
}

document.addEventListener("keydown", (event) => {
  const panel = panelAround(event.target);
  if (event.key !== "Escape" || !panel?.open || event.isComposing) return;
  panel.open = false;
  panel.querySelector("summary").focus();
  event.stopImmediatePropagation();
});
for (const left of ["click", "focusin"])
  document.addEventListener(left, (event) => closePanels(panelAround(event.target)));

// Lists by keyboard ----------------------------------------------------------------------------------------
// <form data-rows> holds a table whose rows have a link and perhaps a box to tick. Letters typed into a field stay there.
// The focus goes along, so that a screen reader says where one is and Tab goes on from there.

const TICKS = "[data-rows] tbody input[type=checkbox]";

function moveBy(step) {
  const rows = [...document.querySelectorAll("[data-rows] tbody tr")];
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.classList.contains("is-at"));
  const next = rows[Math.max(0, Math.min(rows.length - 1, at === -1 ? (step > 0 ? 0 : rows.length - 1) : at + step))];
  rows[at]?.classList.remove("is-at");
  next.classList.add("is-at");
  next.querySelector("a")?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("focusin", (event) => {
  const row = event.target.closest("[data-rows] tbody tr");
  if (!row) return;
  document.querySelector("tr.is-at")?.classList.remove("is-at");
  row.classList.add("is-at");
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-tick-all]"))
    for (const box of document.querySelectorAll(TICKS)) box.checked = event.target.checked;
  else if (event.target.matches(TICKS)) {
    const all = document.querySelector("[data-tick-all]");
    if (all) all.checked = [...document.querySelectorAll(TICKS)].every((box) => box.checked);
  }
});

const KEYS = {
  "/": () => (document.querySelector("main input[type=search]") ?? document.querySelector(".shell-search input"))?.focus(),
  j: () => moveBy(1),
  k: () => moveBy(-1),
  x: () => document.querySelector("tr.is-at input[type=checkbox]")?.click(),
  a: () => document.querySelector("[data-tick-all]")?.click(),
  Enter: () => document.querySelector("tr.is-at a")?.click(),
  n: () => document.querySelector(".pages a[rel=next]")?.click(),
  p: () => document.querySelector(".pages a[rel=prev]")?.click(),
};

// Doubtful rows by keyboard --------------------------------------------------------------------------------
// <form data-decisions> holds a <fieldset data-doubt> for each; a choice's key stands in its data-key.

function decideByKey(event) {
  const form = document.querySelector("[data-decisions]");
  if (!form) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return form.requestSubmit();
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input:not([type=radio]), select, textarea, button, a, summary")) return;
  const rows = [...form.querySelectorAll("[data-doubt]")];
  const at = rows.findIndex((row) => row.classList.contains("is-at"));
  const key = event.key.toLowerCase();
  if (key === "j" || key === "k") goTo(rows, at, Math.max(0, Math.min(rows.length - 1, at + (key === "j" ? 1 : -1))));
  else {
    const choice = rows[at]?.querySelector(`[data-key="${CSS.escape(key)}"]:not(:disabled)`);
    if (!choice) return;
    choice.checked = true;
    if (key === "c") choice.closest("label").querySelector("input[type=text]").focus();
    else goTo(rows, at, Math.min(rows.length - 1, at + 1));
  }
  event.preventDefault();
}

function goTo(rows, from, to) {
  rows[from]?.classList.remove("is-at");
  rows[to].classList.add("is-at");
  rows[to].scrollIntoView({ block: "center" });
}

document.addEventListener("keydown", decideByKey);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  // A link, a button and a box do themselves what Enter asks of them.
  if (event.key === "Enter" && event.target.closest("input, button, a, summary")) return;
  const does = KEYS[event.key];
  if (!does || (event.key !== "/" && !document.querySelector("[data-rows]"))) return;
  event.preventDefault();
  does();
});

document.addEventListener("htmx:afterSwap", (event) => drawCharts(event.target));
document.addEventListener("DOMContentLoaded", () => {
  drawCharts(document);
  // Whoever made mistakes in a form is brought to the list of them, or to what it was answered.
  (document.querySelector(".error-summary") ?? document.querySelector("#messages[data-answer]"))?.focus();
});
