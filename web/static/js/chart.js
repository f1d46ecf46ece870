/* A thin wrapper around uPlot: limit lines, bands, axes in Beijing time, a tooltip, colours from the stylesheet.
   A plot is <div class="plot" data-chart='{…}'>; its texts come from the server, in the page's language. */
(function () {
  "use strict";

  const ZONE = "Asia/Shanghai";
  const DAY = 86400;
  const two = (n) => String(n).padStart(2, "0");
  const local = (seconds) => uPlot.tzDate(new Date(seconds * 1000), ZONE);
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const plots = new Map();

  function dayOf(date) {
    return two(date.getMonth() + 1) + "-" + two(date.getDate());
  }

  function timeOf(date) {
    return two(date.getHours()) + ":" + two(date.getMinutes());
  }

  function axisTexts(u, splits) {
    const long = u.scales.x.max - u.scales.x.min > 4 * DAY;
    let last = "";
    return splits.map((seconds) => {
      const date = local(seconds);
      const day = dayOf(date);
      if (long) return day;
      const text = timeOf(date) + (day !== last ? "\n" + day : "");
      last = day;
      return text;
    });
  }

  function bands(list) {
    return {
      hooks: {
        drawClear: (u) => {
          const { ctx } = u;
          const { left, top, width, height } = u.bbox;
          ctx.save();
          ctx.beginPath();
          ctx.rect(left, top, width, height);
          ctx.clip();
          for (const band of list) {
            const from = u.valToPos(band.from, "x", true);
            const to = u.valToPos(band.to, "x", true);
            ctx.fillStyle = css("--band-" + band.kind);
            ctx.fillRect(from, top, Math.max(2, to - from), height);
          }
          ctx.restore();
        },
        // Labels come after the grid; one that would run into the label before it is left out.
        draw: (u) => {
          const { ctx } = u;
          const { left, top, width } = u.bbox;
          let free = left;
          ctx.save();
          ctx.fillStyle = css("--ink-2");
          ctx.font = 11 * devicePixelRatio + "px " + css("--font");
          ctx.textBaseline = "top";
          ctx.textAlign = "left";
          for (const band of list) {
            const start = Math.max(u.valToPos(band.from, "x", true), left) + 4 * devicePixelRatio;
            const end = start + ctx.measureText(band.label).width;
            if (!band.label || start < free || end > left + width) continue;
            ctx.fillText(band.label, start, top + 3 * devicePixelRatio);
            free = end + 6 * devicePixelRatio;
          }
          ctx.restore();
        },
      },
    };
  }

  function limits(list) {
    return {
      hooks: {
        draw: (u) => {
          const { ctx } = u;
          const { left, top, width, height } = u.bbox;
          ctx.save();
          ctx.beginPath();
          ctx.rect(left, top, width, height);
          ctx.clip();
          ctx.strokeStyle = css("--limit");
          ctx.lineWidth = 1.2 * devicePixelRatio;
          ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
          for (const limit of list) {
            const from = limit.from === null ? left : Math.max(left, u.valToPos(limit.from, "x", true));
            const to = limit.to === null ? left + width : Math.min(left + width, u.valToPos(limit.to, "x", true));
            const y = u.valToPos(limit.v, "y", true);
            if (to <= from) continue;
            ctx.beginPath();
            ctx.moveTo(from, y);
            ctx.lineTo(to, y);
            ctx.stroke();
          }
          ctx.restore();
        },
      },
    };
  }

  function tip(label, unit, none) {
    let box;
    return {
      hooks: {
        init: (u) => {
          box = document.createElement("div");
          box.className = "tip";
          box.hidden = true;
          u.over.appendChild(box);
        },
        setCursor: (u) => {
          const { idx, left } = u.cursor;
          box.hidden = idx === null || idx === undefined || left < 0;
          if (box.hidden) return;
          const date = local(u.data[0][idx]);
          const value = u.data[1][idx];
          const said = value === null || value === undefined ? none : value + (unit ? " " + unit : "");
          box.textContent = dayOf(date) + " " + timeOf(date) + "  " + label + " " + said;
          box.style.left = Math.min(left + 10, u.over.clientWidth - box.offsetWidth - 4) + "px";
        },
      },
    };
  }

  function range(data) {
    // Limits belong into view; the lower end is zero unless values go below it.
    return (u, least, greatest) => {
      const top = Math.max(greatest ?? 0, ...data.limits.map((limit) => limit.v));
      const bottom = Math.min(0, least ?? 0);
      return [bottom, top === bottom ? bottom + 1 : top + (top - bottom) * 0.2];
    };
  }

  function draw(element) {
    const data = JSON.parse(element.dataset.chart);
    const height = Number(element.dataset.height);
    const axis = {
      stroke: css("--ink-2"),
      font: "11px " + css("--font"),
      grid: { stroke: css("--line"), width: 1 },
      ticks: { stroke: css("--line"), width: 1, size: 4 },
    };
    const times = data.v.map((_, index) => data.t0 + index * data.step);
    const options = {
      width: element.clientWidth,
      height,
      tzDate: local,
      legend: { show: false },
      cursor: { sync: { key: element.dataset.sync || null }, drag: { x: true, y: false }, points: { size: 6 } },
      scales: { x: { time: true, range: (u, a, b) => (a === data.t0 ? [data.from, data.to] : [a, b]) }, y: { range: range(data) } },
      axes: [
        { ...axis, values: axisTexts, size: 36, space: 64 },
        { ...axis, size: 46 },
      ],
      series: [
        {},
        { label: data.label, stroke: css("--s-blue"), width: 1.25, points: { show: false }, spanGaps: false },
      ],
      plugins: [bands(data.bands), limits(data.limits), tip(data.label, data.unit, data.none)],
    };
    element.replaceChildren();
    const plot = new uPlot(options, [times, data.v], element);
    plots.set(element, plot);
    new ResizeObserver(() => {
      const width = element.clientWidth;
      if (width > 0 && Math.abs(width - plot.width) > 1) plot.setSize({ width, height });
    }).observe(element);
  }

  function drawAll(root) {
    for (const [element, plot] of plots) {
      if (!element.isConnected) {
        plot.destroy();
        plots.delete(element);
      }
    }
    for (const element of root.querySelectorAll(".plot[data-chart]")) {
      if (!plots.has(element)) draw(element);
    }
  }

  document.addEventListener("DOMContentLoaded", () => drawAll(document));
  document.addEventListener("htmx:after:swap", () => drawAll(document));
})();
