/* Small things that make pages nicer where scripts run; every page works without them. */
(function () {
  "use strict";

  // A filter applies when it is chosen; without scripts its form has a button.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-auto]");
    if (form) form.requestSubmit();
  });

  // Which row of the queue is shown beside it.
  document.addEventListener("htmx:after:swap", () => {
    const shown = document.getElementById("preview")?.dataset.no;
    for (const row of document.querySelectorAll("#queue tbody tr[data-no]")) {
      row.setAttribute("aria-selected", String(row.dataset.no === shown));
    }
  });

  // On a phone the preview is its own page: let the link be a link there.
  document.addEventListener("htmx:config:request", (event) => {
    const source = event.detail.ctx.sourceElement;
    if (source?.matches("a.ttl[data-page]") && matchMedia("(max-width: 760px)").matches) {
      event.preventDefault();
      location.assign(source.dataset.page);
    }
  });

  // The chosen event decides which further fields matter.
  document.addEventListener("change", (event) => {
    if (!event.target.matches(".choice input[data-shows]")) return;
    const form = event.target.form;
    for (const part of form.querySelectorAll("[data-for]")) {
      part.hidden = !part.dataset.for.split(" ").includes(event.target.value);
    }
  });

  // A note in the corner goes away by itself after a while unless it is an error.
  document.addEventListener("htmx:after:swap", () => {
    const note = document.querySelector("#toast .note.ok");
    if (note) setTimeout(() => note.remove(), 8000);
  });
})();
