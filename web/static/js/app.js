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

  // The chosen decision says which further fields matter; without scripts all of them are shown.
  function fit(form) {
    const chosen = form.querySelector("input[data-shows]:checked")?.value;
    for (const part of form.querySelectorAll("[data-for]")) {
      const needed = part.dataset.for.split(" ").includes(chosen);
      part.hidden = !needed;
      if (part.tagName === "OPTGROUP") part.disabled = !needed;
    }
    const code = form.querySelector("select[name=reason_code]");
    if (code && code.selectedOptions[0]?.parentElement.disabled) code.value = "";
  }

  function fitAll() {
    for (const input of document.querySelectorAll("form input[data-shows]:first-of-type")) fit(input.form);
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("input[data-shows]")) fit(event.target.form);
  });
  document.addEventListener("DOMContentLoaded", fitAll);
  document.addEventListener("htmx:after:swap", fitAll);

  // On a phone the preview is its own page: the queue's links are ordinary links there.
  document.addEventListener("htmx:config:request", (event) => {
    const source = event.detail.ctx.sourceElement;
    if (source?.matches("#queue a.ttl") && matchMedia("(max-width: 760px)").matches) {
      event.preventDefault();
      location.assign(source.href);
    }
  });

  // A note in the corner goes away by itself after a while unless it is an error.
  document.addEventListener("htmx:after:swap", () => {
    const note = document.querySelector("#toast .note.ok");
    if (note) setTimeout(() => note.remove(), 8000);
  });
})();
