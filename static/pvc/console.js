// The console's own behaviour: dialogs, folded lines, keys, times, trying out, charts. No inline script anywhere.
"use strict";

(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  /** The moment in the reader's own zone, on hover. */
  function localTimes(within = document) {
    for (const time of all("time[datetime]", within)) {
      const moment = new Date(time.dateTime);
      if (!Number.isNaN(moment.getTime())) {
        time.title = `${moment.toLocaleString()} (${time.title})`;
      }
    }
  }

  /** A button with data-opens shows the dialog of that id. */
  function dialogs() {
    for (const button of all("[data-opens]")) {
      button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
    }
    for (const button of all("[data-closes]")) {
      button.addEventListener("click", () => button.closest("dialog").close());
    }
  }

  /** Nothing is sent twice by two clicks. */
  function once() {
    for (const form of all(".pv form[method=post]:not([data-stays])")) {
      form.addEventListener("submit", (event) => {
        if (form.dataset.sent) event.preventDefault();
        form.dataset.sent = "yes";
      });
    }
    window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => delete form.dataset.sent));
  }

  function unfolding() {
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-unfolds]");
      if (!button) return;
      button.closest("tbody").nextElementSibling.hidden = false;
      button.closest("tbody").remove();
    });
  }

  /** Goes to the next or the previous change of a diff. */
  let at = -1;
  function toChange(step) {
    const changes = all(".pv-diff tbody[data-change]");
    if (!changes.length) return;
    changes[at]?.classList.remove("at-hand");
    at = (at + step + changes.length) % changes.length;
    changes[at].classList.add("at-hand");
    changes[at].scrollIntoView({ block: "center" });
  }

  /** One key each: those of the diff, and whatever says data-key. */
  function keys() {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("input, textarea, select, dialog[open]")) return;
      if (event.key === "j") return toChange(1);
      if (event.key === "k") return toChange(-1);
      const wanted = all("[data-key]").find((each) => each.dataset.key === event.key);
      if (wanted) {
        event.preventDefault();
        wanted.click();
      }
    });
  }

  /** A form with data-tries is sent in the background, and what comes of it is shown beside it. */
  function tryingOut() {
    for (const form of all("form[data-tries]")) {
      const shown = document.getElementById(form.dataset.tries);
      const send = async () => {
        const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
        const said = answer.ok ? await answer.json() : { refused: `The server answered ${answer.status}.` };
        shown.replaceChildren(...rendering(said));
      };
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        send();
      });
      if ("triesAtOnce" in form.dataset) send();
    }
  }

  function element(name, text, className = "") {
    const made = document.createElement(name);
    made.textContent = text;
    made.className = className;
    return made;
  }

  function* rendering(said) {
    if (said.refused) {
      yield element("p", said.refused, "pv-note bad");
      return;
    }
    if (said.missing.length) yield element("p", `Without a value: ${said.missing.join(", ")}`, "pv-note");
    for (const message of said.messages ?? []) {
      yield element("h3", message.role);
      yield element("pre", message.content);
    }
    if (!said.messages) yield element("pre", said.text);
    yield element("p", `About ${said.tokens.toLocaleString()} tokens.`, "pv-hint");
  }

  /** A button with data-copies puts the text of the field of that id on the clipboard. */
  function copying() {
    for (const button of all("[data-copies]")) {
      const field = document.getElementById(button.dataset.copies);
      button.addEventListener("click", async () => {
        field.select();
        try {
          await navigator.clipboard.writeText(field.value);
        } catch {
          document.execCommand("copy"); // where there is no TLS, and so no clipboard
        }
        button.textContent = "Copied";
      });
    }
  }

  /**
   * While something on the page is not finished (data-unfinished), the address in data-refreshes, or the page itself,
   * is asked for again, and what it has for each data-part takes the place of what is shown.
   */
  function refreshing() {
    const place = document.querySelector("[data-refreshes]");
    const isUnfinished = () => document.querySelector("[data-unfinished]") !== null;
    let wait = 800;
    const later = () => {
      wait = Math.min(wait * 1.25, 15000);
      setTimeout(look, wait);
    };
    async function look() {
      const answer = document.hidden ? null : await fetch(place.dataset.refreshes || location.href).catch(() => null);
      if (answer && (!answer.ok || answer.redirected)) return; // logged out, or gone: a reload says so
      if (answer) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
      if (isUnfinished()) later();
    }
    if (place && isUnfinished()) later();
  }

  function show(fresh) {
    localTimes(fresh);
    for (const part of all("[data-part]", fresh)) {
      for (const shown of all(`[data-part="${part.dataset.part}"]`)) {
        shown.toggleAttribute("data-unfinished", "unfinished" in part.dataset);
        if (shown.textContent === part.textContent) continue; // nothing new to be read out
        shown.replaceChildren(...part.cloneNode(true).childNodes);
      }
    }
  }

  /** A canvas with data-chart draws the JSON of the script with that id. */
  function charts() {
    for (const canvas of all("canvas[data-chart]")) {
      const data = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
      const colours = ["#7c3aed", "#0f766e", "#b45309", "#be123c"];
      const sets = data.sets.map((set, place) => ({
        label: set.label,
        data: set.values,
        borderColor: colours[place % colours.length],
        backgroundColor: colours[place % colours.length],
        borderWidth: 2,
        pointRadius: 2,
        tension: 0.25,
      }));
      new Chart(canvas, {
        type: data.kind ?? "line",
        data: { labels: data.labels, datasets: sets },
        options: {
          animation: false,
          maintainAspectRatio: false,
          scales: { y: { beginAtZero: true, ticks: { precision: 0 } } },
        },
      });
    }
  }

  /** What the weights of a split sum to, as they are typed. */
  function sums() {
    for (const split of all("[data-sums]")) {
      const told = split.querySelector("[data-sum]");
      const tell = () => {
        const staying = all("[data-weight]", split).filter(
          (each) => !each.closest("[role=group]").querySelector("[data-leaves-out]:checked"),
        );
        const sum = staying.reduce((all, each) => all + (/^\d+$/.test(each.value.trim()) ? Number(each.value) : 0), 0);
        told.textContent = `Sum: ${sum} of 100.`;
        told.classList.toggle("wrong", sum !== 100);
      };
      split.addEventListener("input", tell);
      tell();
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const starts = [localTimes, dialogs, once, unfolding, keys, tryingOut, charts, copying, refreshing, sums];
    for (const start of starts) start();
  });
})();
