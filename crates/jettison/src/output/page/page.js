// Brings the audit's page to life: charts, sorting, filtering, paging, colours. It asks nobody for anything.
//
// Names in the data come from strangers: they are put in as text (`textContent`, a chart's labels), never as markup.
// What is looked at stands behind the `#` of the address, so that a link shows the same:
//   #sort=repositories.stored_bytes.desc,duplicates.bytes.asc&filter=web&page=repositories.2&theme=dark
"use strict";
(() => {
  const ROWS = 100;
  const root = document.documentElement;
  const element = (id) => document.getElementById(id);

  /** Failures are shown, and kept where a test finds them. */
  const failed = (why) => {
    root.dataset.errors = `${root.dataset.errors ?? ""}${why}\n`;
    element("failed").textContent = `Part of this page could not be drawn: ${why}`;
    element("failed").hidden = false;
  };
  addEventListener("error", (event) => failed(event.message));
  addEventListener("unhandledrejection", (event) => failed(String(event.reason)));
  document.addEventListener("securitypolicyviolation", (event) => failed(`${event.violatedDirective} ${event.blockedURI}`));

  const data = JSON.parse(element("data").textContent);
  root.classList.add("alive");

  // ---- Figures, in the words that the program itself uses ----

  const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");
  const bytes = (value) => {
    const units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if (value < 1000) return `${Math.round(value)} B`;
    let tenths = Math.floor(value / 100);
    let unit = 0;
    for (; tenths >= 10000; unit += 1) tenths = Math.floor(tenths / 1000);
    const whole = Math.floor(tenths / 10);
    return tenths >= 1000 ? `${whole} ${units[unit]}` : `${whole}.${tenths % 10} ${units[unit]}`;
  };
  const money = (value) => {
    const size = Math.abs(value);
    const digits = size === 0 || size >= 0.01 ? 2 : Math.min(12, 1 - Math.floor(Math.log10(size)) - 1);
    const [whole, rest] = size.toFixed(digits).split(".");
    return `${value < 0 ? "-" : ""}${grouped(whole)}.${rest}`;
  };
  const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const SHOW = { text: String, bytes, money, day, count: (value) => grouped(String(Math.round(value))) };
  const NUMBERS = new Set(["bytes", "money", "count"]);
  const show = (unit, value) => (value === null || value === undefined ? "–" : SHOW[unit](value));

  // ---- What the address says ----

  const state = { sort: {}, page: {}, filter: "", theme: "" };

  const readAddress = () => {
    const said = new URLSearchParams(location.hash.slice(1));
    const listed = (name) => (said.get(name) ?? "").split(",").filter(Boolean).map((part) => part.split("."));
    state.sort = Object.create(null);
    for (const [table, key, way] of listed("sort")) state.sort[table] = { key, descending: way !== "asc" };
    state.page = Object.create(null);
    for (const [table, page] of listed("page")) state.page[table] = Math.max(0, (parseInt(page, 10) || 1) - 1);
    state.filter = said.get("filter") ?? "";
    const theme = said.get("theme");
    state.theme = theme === "light" || theme === "dark" ? theme : "";
  };

  const writeAddress = () => {
    const parts = [];
    const add = (name, value) => value && parts.push(`${name}=${value}`);
    const each = (of, text) => Object.entries(of).map(text).filter(Boolean).join(",");
    add("sort", each(state.sort, ([table, sort]) => `${table}.${sort.key}.${sort.descending ? "desc" : "asc"}`));
    add("filter", encodeURIComponent(state.filter));
    add("page", each(state.page, ([table, page]) => page && `${table}.${page + 1}`));
    add("theme", state.theme);
    history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search);
  };

  // ---- Tables ----

  const compareText = new Intl.Collator("en", { numeric: true }).compare;

  /** What is unknown comes last, whichever way. */
  const comparing = (at, unit, descending) => (one, other) => {
    const [a, b] = [one[at], other[at]];
    if (a === null || b === null) return (a === null) - (b === null);
    const order = unit === "text" ? compareText(a, b) : a - b;
    return descending ? -order : order;
  };

  const cell = (column, value, isFirst) => {
    const made = document.createElement(isFirst ? "th" : "td");
    if (isFirst) made.scope = "row";
    if (NUMBERS.has(column.unit)) made.className = "number";
    if (column.unit === "text" && value !== null) {
      const name = document.createElement("bdi");
      name.textContent = value;
      made.append(name);
    } else {
      made.textContent = show(column.unit, value);
    }
    return made;
  };

  class Table {
    constructor(described) {
      Object.assign(this, described);
      this.section = element(`table-${this.id}`);
      this.body = this.section.querySelector("tbody");
      this.headings = [...this.section.querySelectorAll("thead th")];
      this.fitting = this.rows;
      this.headings.forEach((heading, at) => this.makeSortable(heading, this.columns[at]));
      this.makePages();
    }

    makeSortable(heading, column) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => {
        const now = this.sorted();
        const descending = now.key === column.key ? !now.descending : column.unit !== "text";
        state.sort[this.id] = { key: column.key, descending };
        delete state.page[this.id];
        writeAddress();
        this.draw();
      });
      heading.append(button);
    }

    makePages() {
      this.pages = document.createElement("nav");
      this.pages.className = "pages";
      this.pages.setAttribute("aria-label", `Pages of ${this.title}`);
      this.told = document.createElement("span");
      const turn = (label, by) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = label;
        button.addEventListener("click", () => {
          state.page[this.id] = this.page() + by;
          writeAddress();
          this.draw();
        });
        return button;
      };
      this.back = turn("Previous", -1);
      this.on = turn("Next", 1);
      this.pages.append(this.back, this.on, this.told);
      this.section.append(this.pages);
    }

    sorted() {
      const asked = state.sort[this.id];
      return asked && this.columns.some((column) => column.key === asked.key) ? asked : this.sort;
    }

    page() {
      const last = Math.max(0, Math.ceil(this.fitting.length / ROWS) - 1);
      return Math.min(state.page[this.id] ?? 0, last);
    }

    /** Keeps the rows that hold every word somewhere. */
    filter(words) {
      this.texts ??= this.columns.flatMap((column, at) => (column.unit === "text" ? [at] : []));
      const text = (row) => this.texts.map((at) => row[at] ?? "").join("\n").toLowerCase();
      this.searched ??= this.rows.map(text);
      this.fitting = words.length ? this.rows.filter((_, at) => words.every((word) => this.searched[at].includes(word))) : this.rows;
    }

    draw() {
      const { key, descending } = this.sorted();
      const at = this.columns.findIndex((column) => column.key === key);
      const rows = [...this.fitting].sort(comparing(at, this.columns[at].unit, descending));
      this.headings.forEach((heading, column) => {
        if (column === at) heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        else heading.removeAttribute("aria-sort");
      });
      const from = this.page() * ROWS;
      const shown = rows.slice(from, from + ROWS);
      this.body.replaceChildren(...shown.map((row) => {
        const line = document.createElement("tr");
        line.append(...this.columns.map((column, which) => cell(column, row[which], which === 0)));
        return line;
      }));
      const count = (number) => grouped(String(number));
      this.told.textContent = rows.length ? `Rows ${count(from + 1)} to ${count(from + shown.length)} of ${count(rows.length)}` : "No row fits";
      this.back.disabled = from === 0;
      this.on.disabled = from + ROWS >= rows.length;
      this.pages.hidden = this.rows.length <= ROWS && rows.length > 0;
    }
  }

  const tables = data.tables.map((described) => new Table(described));

  const drawTables = () => {
    const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
    for (const table of tables) {
      table.filter(words);
      table.draw();
    }
    const told = tables.map((table) => `${grouped(String(table.fitting.length))} of ${grouped(String(table.rows.length))} in ${table.title}`);
    element("told").textContent = words.length ? `${told.join("; ")}` : "";
  };

  // ---- Charts ----

  const colours = () => {
    const probe = document.createElement("span");
    root.append(probe);
    const of = (name) => {
      probe.style.color = `var(--${name})`;
      return getComputedStyle(probe).color;
    };
    const names = ["ground", "panel", "ink", "faint", "line", "edge", "series-1", "series-2", "series-3", "series-4"];
    const found = Object.fromEntries(names.map((name) => [name, of(name)]));
    probe.remove();
    return found;
  };

  /** Long names lose their middle: builds differ at the end, teams at the beginning. */
  const short = (name, most) => {
    const letters = [...name];
    if (letters.length <= most) return name;
    const end = Math.floor((most - 1) / 2);
    return `${letters.slice(0, most - 1 - end).join("")}…${letters.slice(-end).join("")}`;
  };

  /** Two lines, so that labels stand upright. */
  const folded = (name) => {
    const middle = name.indexOf(" ", Math.floor(name.length / 3));
    return middle < 0 ? name : [name.slice(0, middle), name.slice(middle + 1)];
  };

  const axis = (unit, palette, more) => ({
    beginAtZero: true,
    border: { color: palette.edge },
    grid: { color: palette.line },
    ticks: { color: palette.faint, maxTicksLimit: 7, maxRotation: 0, autoSkipPadding: 12, precision: unit === "count" ? 0 : undefined, callback: (value) => show(unit, value) },
    title: { display: false },
    ...more,
  });

  const common = (chart, palette, labels) => ({
    animation: false,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false, axis: chart.horizontal ? "y" : "x" },
    plugins: {
      legend: {
        display: chart.series.length > 1,
        align: "start",
        labels: { color: palette.ink, usePointStyle: chart.form === "lines", boxHeight: 8, boxWidth: chart.form === "lines" ? 28 : 12 },
      },
      tooltip: {
        callbacks: {
          title: (items) => (items.length ? labels(items[0]) : ""),
          label: (item) => `${item.dataset.label}: ${show(item.dataset.unit, chart.horizontal ? item.parsed.x : item.parsed.y)}`,
        },
      },
    },
  });

  const bars = (chart, palette) => {
    const units = [...new Set(chart.series.map((series) => series.unit))];
    const values = chart.horizontal ? ["x"] : ["y", "y2"];
    const names = chart.horizontal ? "y" : "x";
    const scales = {
      [names]: {
        stacked: chart.stacked,
        border: { color: palette.edge },
        grid: { display: false },
        ticks: {
          color: palette.ink,
          autoSkip: !chart.horizontal && chart.labels.length > 12,
          maxRotation: chart.horizontal ? 0 : 60,
          callback(index) {
            return chart.horizontal ? short(chart.labels[index], this.chart.width < 520 ? 17 : 42) : folded(short(chart.labels[index], 18));
          },
        },
      },
    };
    units.forEach((unit, at) => {
      const right = at > 0 ? { position: "right", grid: { drawOnChartArea: false } } : {};
      const named = unit === "count" ? { title: { display: true, text: "images", color: palette.faint } } : {};
      scales[values[at]] = axis(unit, palette, { stacked: chart.stacked, ...right, ...named });
    });
    const datasets = chart.series.map((series) => ({
      label: series.name,
      unit: series.unit,
      data: series.values,
      backgroundColor: palette[`series-${series.colour}`],
      borderColor: palette.panel,
      borderWidth: chart.stacked ? { right: 1 } : 0,
      maxBarThickness: 46,
      [chart.horizontal ? "xAxisID" : "yAxisID"]: values[units.indexOf(series.unit)],
    }));
    const options = common(chart, palette, (item) => chart.labels[item.dataIndex]);
    return { type: "bar", data: { labels: chart.labels, datasets }, options: { ...options, indexAxis: chart.horizontal ? "y" : "x", scales } };
  };

  /** The first of each month, at most so many of them; within a month or two, Chart.js's own. */
  const months = (scale, most) => {
    const first = new Date(scale.min * 1000);
    const ticks = [];
    for (let month = first.getUTCMonth() + 1; ticks.length < 1200; month += 1) {
      const value = Date.UTC(first.getUTCFullYear(), month, 1) / 1000;
      if (value > scale.max) break;
      ticks.push({ value });
    }
    const every = Math.ceil(ticks.length / most);
    return ticks.filter((_, at) => at % every === 0);
  };

  const DASHES = { solid: [], dashed: [8, 5], dotted: [2, 4] };

  const lines = (chart, palette) => {
    const datasets = chart.series.map((series) => ({
      label: series.name,
      unit: series.unit,
      data: chart.labels.map((x, at) => ({ x, y: series.values[at] })).filter(({ y }) => y !== null),
      borderColor: palette[series.colour ? `series-${series.colour}` : "edge"],
      backgroundColor: palette[series.colour ? `series-${series.colour}` : "edge"],
      borderDash: DASHES[series.line],
      borderWidth: series.colour ? 2.5 : 1.5,
      pointRadius: 0,
      pointHitRadius: 12,
      pointStyle: "line",
    }));
    const x = {
      type: "linear",
      min: chart.labels[0],
      max: chart.labels.at(-1),
      border: { color: palette.edge },
      grid: { display: false },
      afterBuildTicks(scale) {
        const ticks = months(scale, scale.width < 420 ? 4 : 9);
        if (ticks.length > 1) scale.ticks = ticks;
      },
      ticks: { color: palette.faint, maxRotation: 0, maxTicksLimit: 6, callback: (value) => day(value).replace(/-01$/, "") },
    };
    const options = common(chart, palette, (item) => day(item.parsed.x));
    options.interaction = { mode: "nearest", intersect: false, axis: "x" };
    const y = axis(chart.series[0].unit, palette, {});
    return { type: "line", data: { datasets }, options: { ...options, scales: { x, y } } };
  };

  const drawn = [];

  const drawCharts = () => {
    const palette = colours();
    const style = getComputedStyle(document.body);
    Chart.defaults.font.family = style.fontFamily;
    Chart.defaults.font.size = 13;
    drawn.splice(0).forEach((chart) => chart.destroy());
    for (const chart of data.charts) {
      const canvas = element(`chart-${chart.id}`);
      if (chart.horizontal) canvas.parentElement.style.height = `${chart.labels.length * 27 + 90}px`;
      const marked = { id: "marked", afterDraw: () => { canvas.dataset.drawn = "yes"; } };
      const made = chart.form === "lines" ? lines(chart, palette) : bars(chart, palette);
      drawn.push(new Chart(canvas, { ...made, plugins: [marked] }));
    }
  };

  const drawTheme = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
  };

  // ---- All together ----

  const filter = element("filter");
  const theme = element("theme");

  const drawAll = () => {
    readAddress();
    if (filter) filter.value = state.filter;
    theme.value = state.theme;
    drawTheme(state.theme);
    if (filter) drawTables();
    drawCharts();
  };

  let soon;
  filter?.addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(() => {
      state.filter = filter.value.trim();
      state.page = Object.create(null);
      writeAddress();
      drawTables();
    }, 150);
  });
  theme.addEventListener("change", () => {
    state.theme = theme.value;
    writeAddress();
    drawTheme(state.theme);
    drawCharts();
  });
  addEventListener("hashchange", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
  addEventListener("beforeprint", () => { drawTheme("light"); drawCharts(); });
  addEventListener("afterprint", () => { drawTheme(state.theme); drawCharts(); });

  drawAll();
})();
