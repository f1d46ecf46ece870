/* Keys of the queue: J and K move, Enter opens, 1 to 9 choose a decision, / searches, ? explains.
   Silent while somebody types; the ? panel has a switch to turn them off (WCAG 2.1.4), kept in this browser. */
(function () {
  "use strict";

  const SWITCH = "sanse-keys-off";
  const typing = (target) => target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select");
  const rows = () => [...document.querySelectorAll("#queue tbody tr[data-no]")];

  function isOff() {
    try {
      return localStorage.getItem(SWITCH) === "1";
    } catch (error) {
      return false; // storage is forbidden here: keys stay on, as the page says
    }
  }

  function move(step) {
    const all = rows();
    if (!all.length) return;
    const now = all.findIndex((row) => row.getAttribute("aria-selected") === "true");
    const next = all[Math.max(0, Math.min(all.length - 1, now + step))];
    const link = next.querySelector("a.ttl");
    link.focus();
    if (next !== all[now]) link.click();
  }

  const acts = {
    j: () => move(1),
    k: () => move(-1),
    "/": () => document.getElementById("gq")?.focus(),
    "?": () => document.getElementById("keys")?.toggleAttribute("open"),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || isOff()) return;
    const key = event.key.toLowerCase();
    if (/^[1-9]$/.test(key)) {
      const choice = document.querySelectorAll("#decision .choice input")[Number(key) - 1];
      if (choice) choice.click();
      return;
    }
    if (acts[key] && document.getElementById(key === "/" ? "gq" : "queue")) {
      event.preventDefault();
      acts[key]();
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.id !== "keys-on") return;
    try {
      localStorage.setItem(SWITCH, event.target.checked ? "0" : "1");
    } catch (error) {
      event.target.checked = true;
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    const box = document.getElementById("keys-on");
    if (box) box.checked = !isOff();
  });
})();
