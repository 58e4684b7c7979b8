// The editor of drafts: numbered lines, a chat's messages, what validation says while one types, conflicts, and nothing
// typed that is lost. Without it the fields are plain ones, and everything can be saved all the same.
"use strict";

(() => {
  const PAUSE = 400; // milliseconds after the last key
  const ROLES = ["system", "user", "assistant", "tool", "placeholder"];
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  /** An element with a text, attributes, and children. */
  function made(name, { text, className = "", ...attributes } = {}, children = []) {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    element.className = className;
    for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
    element.append(...children);
    return element;
  }

  /** Puts a text in the place of another so that the browser's own undo takes it back. */
  function rewrite(area, start, end, text) {
    area.focus();
    area.setSelectionRange(start, end);
    const done = text ? document.execCommand("insertText", false, text) : document.execCommand("delete");
    if (done) return;
    area.setRangeText(text, start, end, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // ------------------------------------------------------------------------- lines
  /** Numbers the lines of a text, and marks some of them. */
  class Lines {
    constructor(area, rows) {
      this.area = area;
      this.mirror = made("div", { className: "pv-mirror", "aria-hidden": "true" });
      this.mirror.style.setProperty("--pv-rows", `${rows}rem`);
      this.shown = [];
      this.marks = new Map();
      const box = made("div", { className: "pv-editor" });
      area.replaceWith(box);
      box.append(this.mirror, area);
      area.addEventListener("input", () => this.draw());
      this.draw();
    }

    /** Only the lines between the first and the last that changed are made anew. */
    draw() {
      const lines = this.area.value.split("\n");
      const old = this.shown;
      let start = 0;
      let end = 0;
      while (start < old.length && start < lines.length && old[start] === lines[start]) start += 1;
      while (end < Math.min(old.length, lines.length) - start && old.at(-1 - end) === lines.at(-1 - end)) end += 1;
      for (const gone of [...this.mirror.children].slice(start, old.length - end)) gone.remove();
      // A line without a character would have no height.
      const fresh = lines.slice(start, lines.length - end).map((line) => made("div", {}, [made("span", { text: line || "\u200b" })]));
      const after = this.mirror.children[start] ?? null;
      for (const line of fresh) this.mirror.insertBefore(line, after);
      this.shown = lines;
    }

    /** Marks lines by number; a worse mark stands over a lesser one. */
    mark(marks) {
      for (const line of all(".bad, .fair", this.mirror)) line.removeAttribute("class");
      this.marks = new Map();
      for (const { line, level } of marks) {
        if (this.marks.get(line) !== "bad") this.marks.set(line, level);
      }
      for (const [line, level] of this.marks) this.mirror.children[line - 1]?.setAttribute("class", level);
    }

    /** Shows a line, selected. */
    show(line) {
      const lines = this.area.value.split("\n");
      const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
      this.area.focus({ preventScroll: true });
      this.area.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
      this.mirror.children[line - 1]?.scrollIntoView({ block: "center" });
    }
  }

  // ------------------------------------------------------------------------- a chat's messages
  /** A chat as a list of messages; the field holds it as JSON all the while. */
  class Messages {
    constructor(field, changed) {
      this.field = field;
      this.changed = changed;
      this.box = made("div");
      this.said = made("p", { className: "pv-hint", role: "status" });
      this.lines = [];
      const add = made("button", { text: "Add a message", type: "button", className: "pv-button" });
      add.addEventListener("click", () => this.insert());
      field.hidden = true;
      field.setAttribute("aria-hidden", "true");
      document.getElementById("body-hint").hidden = true;
      all("label[for=body]").forEach((label) => (label.hidden = true));
      field.after(made("div", {}, [this.box, this.said, made("p", { className: "pv-row", style: "margin-top:.6rem" }, [add])]));
      this.read();
    }

    /** The messages of a text, if it is a chat. */
    static of(text) {
      try {
        const found = JSON.parse(text || "[]");
        const fits = (each) =>
          each && (typeof each.placeholder === "string" || (ROLES.includes(each.role) && typeof each.content === "string"));
        return Array.isArray(found) && found.every(fits) ? found : null;
      } catch {
        return null;
      }
    }

    read() {
      this.list = Messages.of(this.field.value) ?? [];
      this.draw();
    }

    write(redraw = true) {
      this.field.value = JSON.stringify(this.list, null, 2);
      if (redraw) this.draw();
      this.changed();
    }

    insert() {
      const last = this.list.findLast((each) => each.role);
      this.list.push({ content: "", role: last?.role === "user" ? "assistant" : last ? "user" : "system" });
      this.write();
      this.focus(this.list.length - 1, "textarea");
    }

    move(place, step) {
      const [message] = this.list.splice(place, 1);
      this.list.splice(place + step, 0, message);
      this.write();
      this.said.textContent = `It is message ${place + step + 1} now.`;
      this.focus(place + step, step < 0 ? "[data-up]" : "[data-down]");
    }

    remove(place) {
      this.list.splice(place, 1);
      this.write();
      this.said.textContent = `Message ${place + 1} is removed.`;
      this.focus(Math.min(place, this.list.length - 1), "[data-remove]");
    }

    /** Puts messages in the place of others. */
    replace(start, end, messages) {
      this.list.splice(start, end - start, ...messages);
      this.write();
    }

    /** Another role keeps the text; a placeholder has a name in its place. */
    become(place, role) {
      const message = this.list[place];
      const text = message.placeholder ?? message.content;
      this.list[place] = role === "placeholder" ? { placeholder: text } : { content: text, role };
      this.write();
      this.focus(place, "select");
    }

    focus(place, selector) {
      const box = this.box.children[place];
      const found = box?.querySelector(selector);
      (found?.disabled ? box.querySelector("select") : found)?.focus();
    }

    draw() {
      this.lines = [];
      this.box.replaceChildren(...this.list.map((message, place) => this.drawn(message, place)));
    }

    drawn(message, place) {
      const number = place + 1;
      const button = (text, name, disabled, action) => {
        const button = made("button", { text, type: "button", className: "pv-button", "aria-label": `${text} message ${number}` });
        button.dataset[name] = "";
        button.disabled = disabled;
        button.addEventListener("click", action);
        return button;
      };
      const select = made("select", { "aria-label": `Role of message ${number}` }, ROLES.map((role) => made("option", { text: role })));
      select.value = message.role ?? "placeholder";
      select.addEventListener("change", () => this.become(place, select.value));
      const buttons = [
        button("Move up", "up", place === 0, () => this.move(place, -1)),
        button("Move down", "down", number === this.list.length, () => this.move(place, 1)),
        button("Remove", "remove", this.list.length === 1, () => this.remove(place)),
      ];
      const row = made("div", { className: "pv-row" }, [select, ...buttons]);
      const box = made("fieldset", { className: "pv-message" }, [made("legend", { text: `Message ${number}` }), row]);
      box.append(...("placeholder" in message ? this.named(message, number) : this.text(message, number, place)));
      return box;
    }

    named(message, number) {
      const label = made("label", { text: "Messages that the variable of this name holds", for: `message-${number}` });
      const name = made("input", { id: `message-${number}`, value: message.placeholder, autocomplete: "off", spellcheck: "false" });
      name.addEventListener("input", () => {
        message.placeholder = name.value;
        this.write(false);
      });
      return [label, name];
    }

    text(message, number, place) {
      const label = made("label", { text: "Text", for: `message-${number}` });
      const area = made("textarea", { id: `message-${number}`, className: "pv-code", spellcheck: "false" });
      area.value = message.content;
      const box = made("div", {}, [area]);
      this.lines[place] = new Lines(area, 4);
      area.addEventListener("input", () => {
        message.content = area.value;
        this.write(false);
      });
      return [label, box];
    }
  }

  // ------------------------------------------------------------------------- conflicts
  /** The conflicts that a merge has marked up in a text: where each is, and its three texts. */
  function conflictsIn(text) {
    const found = [];
    const opening = /^(<{7,}) theirs\r?$/gm;
    for (let start = opening.exec(text); start; start = opening.exec(text)) {
      const length = start[1].length;
      const marks = [`\\|{${length}} base`, `={${length}}`, `>{${length}} mine`].map((mark) => `^${mark}\\r?(?:\\n|$(?![^]))`);
      const rest = new RegExp(`\\n([^]*?)${marks[0]}([^]*?)${marks[1]}([^]*?)${marks[2]}`, "my");
      rest.lastIndex = opening.lastIndex;
      const parts = rest.exec(text);
      if (!parts) continue;
      const line = text.slice(0, start.index).split("\n").length;
      found.push({ start: start.index, end: rest.lastIndex, line, theirs: parts[1], base: parts[2], mine: parts[3] });
      opening.lastIndex = rest.lastIndex;
    }
    return found;
  }

  /** Puts what was chosen in the place of a conflict; a text whose last line had no end still has none. */
  function resolve(area, conflict, chosen) {
    const atTheEnd = conflict.end === area.value.length && !area.value.endsWith("\n");
    const text = atTheEnd ? chosen.replace(/\r?\n$/, "") : chosen;
    // With nothing chosen at the end, the line end before it would make an empty line.
    const start = atTheEnd && !text && conflict.start ? conflict.start - 1 : conflict.start;
    rewrite(area, start, conflict.end, text);
  }

  /** A conflict as it is shown, with its buttons: `take` puts one or both of its sides in its place. */
  function drawn({ title, at, show, theirs, mine, take }) {
    const button = (text, side) => {
      const button = made("button", { text, type: "button", className: "pv-button", "aria-label": `${text}, ${title}` });
      button.addEventListener("click", () => {
        take(side);
        document.querySelector("[data-conflicts] button")?.focus();
      });
      return button;
    };
    const goes = made("button", { text: at, type: "button", className: "pv-link" });
    goes.addEventListener("click", show);
    const side = (name, text) => [made("dt", { text: name }), made("dd", {}, [made("pre", { text: text || "(nothing)" })])];
    return made("div", { className: "pv-conflict" }, [
      made("h3", { text: `${title[0].toUpperCase()}${title.slice(1)}, ` }, [goes]),
      made("dl", {}, [...side("Theirs", theirs), ...side("Yours", mine)]),
      made("p", { className: "pv-row", style: "margin-top:.4rem" }, [
        button("Take theirs", "theirs"),
        button("Take mine", "mine"),
        button("Take both", "both"),
      ]),
    ]);
  }

  /** The conflicts inside a text. */
  function inText(lines, where = "") {
    return conflictsIn(lines.area.value).map((found, place) => {
      const texts = { theirs: found.theirs, mine: found.mine, both: found.theirs + found.mine };
      return drawn({
        ...found,
        title: `conflict ${place + 1}${where}`,
        at: `line ${found.line}`,
        show: () => lines.show(found.line),
        take: (side) => resolve(lines.area, found, texts[side]),
      });
    });
  }

  /** The conflicts of whole messages, which stand between messages that hold nothing but a marker. */
  function betweenMessages(chat) {
    return conflictsBetween(chat.list).map(({ start, end, theirs, mine }, place) => {
      const said = (messages) => messages.map((each) => each.placeholder ?? `${each.role}: ${each.content}`).join("\n");
      const sides = { theirs, mine, both: [...theirs, ...mine] };
      return drawn({
        title: `conflict ${place + 1} between messages`,
        at: `messages ${start + 1} to ${end}`,
        show: () => chat.focus(start, "select"),
        theirs: said(theirs),
        mine: said(mine),
        take: (side) => chat.replace(start, end, sides[side]),
      });
    });
  }

  /** Where such conflicts are in a list of messages, and what each side has. */
  function conflictsBetween(list) {
    const found = [];
    for (let start = 0; start < list.length; start += 1) {
      const length = /^(<{7,}) theirs$/.exec(list[start].content ?? "")?.[1].length;
      if (!length) continue;
      const marks = [`${"|".repeat(length)} base`, "=".repeat(length), `${">".repeat(length)} mine`];
      const [base, parting, last] = marks.map((mark) => list.findIndex((each, place) => place > start && each.content === mark));
      if (base < start || parting < base || last < parting) continue;
      found.push({ start, end: last + 1, theirs: list.slice(start + 1, base), mine: list.slice(parting + 1, last) });
      start = last;
    }
    return found;
  }

  // ------------------------------------------------------------------------- the editor
  class Editor {
    constructor(form) {
      this.form = form;
      this.body = form.elements.body;
      this.typed = Object.fromEntries(["body", "variables", "config", "change_note"].map((name) => [name, form.elements[name]]));
      this.chat = null;
      this.lines = null;
      this.marks = JSON.parse(document.getElementById("draft-marks")?.textContent ?? "[]");
      this.before = this.now();
      this.isUnsaved = "unsaved" in form.dataset;
      this.isLeaving = false;
      this.asked = 0;
      if (form.dataset.type !== "chat") this.lines = new Lines(this.body, 16);
      else if (Messages.of(this.body.value)) this.chat = new Messages(this.body, () => this.changed());
      new Lines(this.typed.variables, 7);
      new Lines(this.typed.config, 5);
      this.listen();
      this.keepAcrossVisits();
      this.drawMarks();
      this.drawConflicts();
      this.drawState();
    }

    now() {
      return Object.fromEntries(Object.entries(this.typed).map(([name, field]) => [name, field.value]));
    }

    listen() {
      this.form.addEventListener("input", (event) => {
        if (event.target.name || this.chat) this.changed();
      });
      document.addEventListener("keydown", (event) => {
        if (!(event.ctrlKey || event.metaKey) || event.key !== "s") return;
        event.preventDefault();
        this.form.requestSubmit(document.querySelector("[data-saves]"));
      });
      document.addEventListener("click", (event) => {
        const line = event.target.closest("[data-line]");
        if (line) this.toLine(Number(line.dataset.line), Number(line.dataset.message ?? 0));
        if (event.target.closest("[data-forgets]")) this.forget();
        if (event.target.closest("a[data-forgets], dialog [data-forgets]")) this.isLeaving = true;
      });
      document.querySelector("[data-against]")?.addEventListener("change", (event) => {
        this.form.elements.against.value = event.target.value;
        this.check();
      });
      window.addEventListener("beforeunload", (event) => {
        if (this.isUnsaved && !this.isLeaving) event.preventDefault();
      });
      this.form.addEventListener("submit", () => {
        this.isLeaving = true;
        this.keep({ sent: true });
      });
      window.addEventListener("pageshow", () => (this.isLeaving = false));
    }

    changed() {
      const now = this.now();
      this.isUnsaved = "unsaved" in this.form.dataset || Object.keys(now).some((name) => now[name] !== this.before[name]);
      if (this.isUnsaved) this.keep();
      this.drawState();
      this.drawConflicts();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.check(), PAUSE);
    }

    drawState() {
      const said = this.isUnsaved ? "Not saved yet." : "";
      const state = document.getElementById("unsaved");
      if (state.textContent !== said) state.textContent = said;
      for (const button of all("[data-when-saved]")) {
        button.disabled = this.isUnsaved;
        button.title = this.isUnsaved ? "Save it first." : "";
      }
    }

    // ----------------------------------------------------------------------- checking
    /** Asks what validation says of what is typed now; an answer that a newer question has overtaken is let go. */
    async check() {
      const number = (this.asked += 1);
      const sent = new FormData(this.form);
      sent.append("drawn", "yes");
      const said = await fetch(this.form.dataset.checks, { method: "POST", body: sent })
        .then((answer) => (answer.ok && !answer.redirected ? answer.json() : { gone: true }))
        .catch(() => ({ gone: true }));
      if (number !== this.asked) return;
      if (said.gone) return this.say("It could not be checked: you may be logged out. What you typed stays in this window.");
      document.getElementById("draft-found").innerHTML = said.panel;
      document.getElementById("draft-change").innerHTML = said.change;
      this.marks = said.marks;
      this.drawMarks();
      this.point(said.refused);
      this.say(said.refused || (said.to_mend ? `${said.to_mend} to mend.` : "Nothing to mend."));
    }

    say(sentence) {
      const said = document.getElementById("draft-said");
      if (said.textContent !== sentence) said.textContent = sentence;
    }

    /** The field that a refusal names is marked as wrong. */
    point(refused) {
      for (const [name, field] of Object.entries(this.typed)) {
        if (refused?.startsWith(name)) field.setAttribute("aria-invalid", "true");
        else field.removeAttribute("aria-invalid");
      }
    }

    drawMarks() {
      this.lines?.mark(this.marks);
      this.chat?.lines.forEach((lines, place) => lines.mark(this.marks.filter((each) => each.message === place + 1)));
    }

    toLine(line, message) {
      const lines = message ? this.chat?.lines[message - 1] : this.lines;
      if (lines) lines.show(line);
    }

    // ----------------------------------------------------------------------- conflicts
    drawConflicts() {
      const found = this.lines ? inText(this.lines) : this.chat ? betweenMessages(this.chat) : [];
      this.chat?.lines.forEach((lines, place) => found.push(...inText(lines, ` in message ${place + 1}`)));
      document.querySelector("[data-conflicts]").replaceChildren(...found);
      document.getElementById("conflicts").hidden = !found.length;
    }

    // ----------------------------------------------------------------------- what was typed is kept in this window
    get key() {
      return `draft ${this.form.dataset.keeps}`;
    }

    keep(more = {}) {
      const { selectionStart, selectionEnd } = this.body;
      const place = { height: window.scrollY, inside: this.body.parentElement.scrollTop, selectionStart, selectionEnd };
      const kept = { at: new Date().toLocaleTimeString(), seen: this.form.dataset.seen, fields: this.now(), place, ...more };
      try {
        sessionStorage.setItem(this.key, JSON.stringify(kept));
      } catch {
        // The browser keeps nothing: then it is in the fields alone.
      }
    }

    forget() {
      sessionStorage.removeItem(this.key);
      document.getElementById("kept").hidden = true;
    }

    /** After a save, writing goes on where it was. */
    goOn({ height, inside, selectionStart, selectionEnd }) {
      this.say("Saved.");
      if (this.lines) {
        this.body.focus({ preventScroll: true });
        this.body.setSelectionRange(selectionStart, selectionEnd);
        this.body.parentElement.scrollTop = inside;
      }
      window.scrollTo(0, height);
    }

    /** What an earlier visit left unsaved is offered; what was sent and is saved now is forgotten. */
    keepAcrossVisits() {
      const kept = JSON.parse(sessionStorage.getItem(this.key) ?? "null");
      if (!kept || this.isUnsaved) return;
      const isSaved = kept.sent && kept.seen !== this.form.dataset.seen;
      const isSame = Object.keys(this.typed).every((name) => kept.fields[name] === this.before[name]);
      if (isSaved) this.goOn(kept.place);
      if (isSaved || isSame) return sessionStorage.removeItem(this.key);
      const offered = document.getElementById("kept");
      offered.hidden = false;
      offered.querySelector("[data-when]").textContent = `at ${kept.at}`;
      offered.querySelector("[data-brings-back]").addEventListener("click", () => {
        for (const [name, field] of Object.entries(this.typed)) {
          field.value = kept.fields[name];
          field.dispatchEvent(new Event("input", { bubbles: true }));
        }
        this.chat?.read();
        this.changed();
        offered.hidden = true;
      });
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const form of all("form[data-checks]")) new Editor(form);
  });
})();
