// SPDX-License-Identifier: Apache-2.0
// Plays what the baker wrote (baker.hpp has the format). It knows no model: a picture is a list of primitives, and a beat
// says how the list differs from the one before. What a beat looks like never depends on how it was reached.
'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($('data').textContent);
  const beats = data.beats;
  const last = beats.length - 1;
  const SVG = 'http://www.w3.org/2000/svg';
  const travel_ms = 350;
  const [TIME, NARRATION, DESCRIPTION, CHANGES] = [0, 1, 2, 3];
  const [LABEL_WIDTH, LABEL_TEXT] = [2, 3];
  const LABEL = 4;

  // ---- Which primitives a beat has.

  // The lists of every 64th beat, and for each beat the first primitive that is new in it.
  const list_every = 64;
  const lists = [];
  const first_new = [0];

  function changed(list, beat) {
    const changes = beats[beat];
    const result = [];
    let at = 0;
    let fresh = first_new[beat];
    for (let i = CHANGES; i < changes.length;) {
      const [keep, leave_out] = [changes[i], changes[i + 1]];
      const end = i + 3 + changes[i + 2];
      for (let k = 0; k < keep; ++k) result.push(list[at++]);
      at += leave_out;
      for (i += 3; i < end; ++i) result.push(changes[i] === 0 ? fresh++ : changes[i] - 1);
    }
    while (at < list.length) result.push(list[at++]);
    first_new[beat + 1] = fresh;
    return result;
  }

  function read_all() {
    let list = [];
    for (let beat = 0; beat <= last; ++beat) {
      list = changed(list, beat);
      if (beat % list_every === 0) lists.push(list);
    }
  }

  function list_of(beat) {
    let at = beat - beat % list_every;
    let list = lists[at / list_every];
    while (at < beat) list = changed(list, ++at);
    return list;
  }

  // ---- Primitives as elements. Lengths are in tenths of a pixel until they are written.

  const tags = ['rect', 'line', 'path', 'polygon', 'text'];
  const dashes = [[], [1, 1], [4, 2]];
  const px = (tenths) => tenths / 10;
  const ink = (number) => number < 0 ? 'none' : data.colors[number];

  function set(element, attributes) {
    for (const name in attributes) {
      const value = attributes[name];
      if (value === null) element.removeAttribute(name);
      else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
    }
  }

  function stroke(color, width, dash) {
    if (color < 0) return { stroke: null, 'stroke-width': null, 'stroke-dasharray': null };
    const pattern = dashes[dash].map((part) => px(part * width)).join(' ');
    return { stroke: ink(color), 'stroke-width': px(width), 'stroke-dasharray': pattern || null };
  }

  // By the number of the shape: how it is drawn, once with its look and then wherever it stands.
  const look_of = [
    (e, [, border, width, , dash]) => set(e, stroke(border, width, dash)),
    (e, [color, width, dash]) => set(e, stroke(color, width, dash)),
    (e, [color, width]) => set(e, { fill: 'none', ...stroke(color, width, 0) }),
    (e, [fill]) => set(e, { fill: ink(fill) }),
    (e, [color, size, face]) => set(e, { fill: ink(color), 'font-size': px(size), class: 'face' + face }),
  ];
  const form_of = [
    (e, [x, y, width, height], [fill, border, border_width, radius]) => {
      // A stroke lies inside. SVG draws nothing where it is as wide as the box, so there it is a fill.
      const all_stroke = border >= 0 && border_width >= Math.min(width, height);
      const inset = border < 0 || all_stroke ? 0 : border_width / 2;
      set(e, { x: px(x + inset), y: px(y + inset), width: px(width - 2 * inset), height: px(height - 2 * inset),
        rx: radius > 0 ? px(Math.max(0, radius - inset)) : null, fill: ink(all_stroke ? border : fill),
        'stroke-opacity': all_stroke ? 0 : null, 'data-fill': all_stroke ? ink(fill) : null });
    },
    (e, [x1, y1, x2, y2]) => set(e, { x1: px(x1), y1: px(y1), x2: px(x2), y2: px(y2) }),
    (e, g) => set(e, { d: `M${px(g[0])},${px(g[1])}C${g.slice(2).map(px)}` }),
    (e, corners) => set(e, { points: corners.map(px).join(' ') }),
    (e, [x, y, width, text]) => {
      set(e, { x: px(x), y: px(y), textLength: width > 0 ? px(width) : null });
      if (e.textContent !== data.texts[text]) e.textContent = data.texts[text];
    },
  ];

  // What is drawn, by key: its element, its primitive's number, shape and form.
  const items = new Map();
  const picture = $('picture');
  const clips = picture.appendChild(document.createElementNS(SVG, 'defs'));
  const layers = picture.appendChild(document.createElementNS(SVG, 'g'));
  const travellers = picture.appendChild(document.createElementNS(SVG, 'g'));

  const style_of = (primitive) => data.styles[data.primitives[primitive][1]];
  const pane_of = (primitive) => style_of(primitive)[0];

  function begin_picture() {
    const [width, height] = data.size.map(px);
    set(picture, { viewBox: `0 0 ${width} ${height}` });
    const page = document.createElementNS(SVG, 'rect');
    set(page, { width, height, fill: ink(data.background) });
    picture.insertBefore(page, layers);
    data.panes.forEach(([, x, y, w, h], number) => {
      const clip = clips.appendChild(document.createElementNS(SVG, 'clipPath'));
      clip.id = 'pane' + number;
      set(clip.appendChild(document.createElementNS(SVG, 'rect')),
        { x: px(x), y: px(y), width: px(w), height: px(h) });
    });
  }

  function draw_form(item, form) {
    form_of[item.shape](item.element, form, style_of(item.primitive).slice(2));
  }

  function draw(item, primitive) {
    const [, number, ...form] = data.primitives[primitive];
    item.primitive = primitive;
    item.form = form;
    look_of[item.shape](item.element, data.styles[number].slice(2));
    draw_form(item, form);
  }

  function new_item(key, shape) {
    const element = document.createElementNS(SVG, tags[shape]);
    element.dataset.id = data.keys[key].split(':')[0];
    return { element, shape, primitive: -1, form: [] };
  }

  // In the order of drawing, each run of one pane in a group that is clipped to it.
  function place(list) {
    let layer = null;
    let cursor = null;
    let pane = -1;
    let next = layers.firstChild;
    for (const primitive of list) {
      if (pane !== pane_of(primitive)) {
        pane = pane_of(primitive);
        layer = next ?? layers.appendChild(document.createElementNS(SVG, 'g'));
        next = layer.nextSibling;
        set(layer, { 'clip-path': `url(#pane${pane})`, 'data-pane': data.texts[data.panes[pane][0]] });
        cursor = layer.firstChild;
      }
      const { element } = items.get(data.primitives[primitive][0]);
      if (element === cursor) cursor = cursor.nextSibling;
      else layer.insertBefore(element, cursor);
    }
    while (next) {
      const empty = next;
      next = next.nextSibling;
      empty.remove();
    }
  }

  // ---- Travel: time on the screen, not of the run.

  const calm = matchMedia('(prefers-reduced-motion: reduce)');
  let travel = null;  // what moves, since when, for how long, the list that it leads to

  // A label whose words change jumps: its letters would dance otherwise.
  const can_travel = (shape, from, to) =>
    from.length === to.length && (shape !== LABEL || from[LABEL_TEXT] === to[LABEL_TEXT]);

  function settle() {
    if (!travel) return;
    cancelAnimationFrame(travel.frame);
    for (const { item } of travel.moves) draw_form(item, item.form);
    place(travel.list);
    travel = null;
  }

  function move(now) {
    travel.began ??= now;
    const part = Math.min(1, (now - travel.began) / travel.lasts);
    if (part === 1) return settle();
    const eased = part < 0.5 ? 4 * part ** 3 : 1 - (2 - 2 * part) ** 3 / 2;
    for (const { item, from } of travel.moves) {
      const form = item.form.map((to, i) => from[i] + (to - from[i]) * eased);
      if (item.shape === LABEL) form.splice(LABEL_WIDTH, 2, ...item.form.slice(LABEL_WIDTH));
      draw_form(item, form);
    }
    travel.frame = requestAnimationFrame(move);
  }

  function show_list(list, lasts) {
    settle();
    const moves = [];
    const here = new Set();
    for (const primitive of list) {
      const [key, style, ...form] = data.primitives[primitive];
      here.add(key);
      let item = items.get(key);
      if (!item) items.set(key, item = new_item(key, data.styles[style][1]));
      if (item.primitive === primitive) continue;
      const { primitive: before, form: from } = item;
      draw(item, primitive);
      if (lasts > 0 && before >= 0 && can_travel(item.shape, from, form) && from.some((n, i) => n !== form[i])) {
        moves.push({ item, from, leaves: pane_of(before) !== pane_of(primitive) });
      }
    }
    for (const [key, item] of items) {
      if (here.has(key)) continue;
      item.element.remove();
      items.delete(key);
    }
    place(list);
    if (moves.length === 0) return;
    travel = { moves, lasts, list, began: null, frame: 0 };
    for (const { item, from, leaves } of moves) {
      draw_form(item, from);
      if (leaves) travellers.append(item.element);
    }
    travel.frame = requestAnimationFrame(move);
  }

  // ---- The player.

  let beat = 0;
  let timer = null;  // while it plays
  let pace = 2;      // beats a second

  function show(number, lasts = 0) {
    beat = Math.max(0, Math.min(last, number));
    show_list(list_of(beat), calm.matches ? 0 : lasts);
    const [time, narration, description] = [TIME, NARRATION, DESCRIPTION].map((i) => data.texts[beats[beat][i]]);
    $('words').textContent = description;
    $('narration').textContent = narration;
    $('narration').title = narration;
    // No reader can keep up with more than a sentence in two seconds.
    if (!timer || pace <= 0.5) $('told').textContent = narration;
    $('counter').textContent = `${beat + 1} / ${last + 1} · ${time}`;
    $('scrubber').value = beat;
    set($('scrubber'), { 'aria-valuetext': `beat ${beat + 1} of ${last + 1}, at ${time}`,
      style: `--part: ${last > 0 ? 100 * beat / last : 100}%` });
    $('back').disabled = beat === 0;
    $('next').disabled = beat === last;
  }

  function pause() {
    clearTimeout(timer);
    timer = null;
    document.body.classList.remove('playing');
    set($('play'), { 'aria-label': 'Play' });
    $('told').textContent = $('narration').textContent;
  }

  // Each beat is there before the next one is due.
  function wait() {
    const due = 1000 / pace;
    timer = setTimeout(() => {
      const lasts = Math.min(travel_ms, due * 0.8);
      show(beat + 1, lasts < 60 ? 0 : lasts);
      if (beat === last) pause();
      else wait();
    }, due);
  }

  function play() {
    if (last === 0) return;
    if (beat === last) show(0);
    document.body.classList.add('playing');
    set($('play'), { 'aria-label': 'Pause' });
    wait();
  }

  function step(by) {
    pause();
    show(beat + by, Math.abs(by) === 1 ? travel_ms : 0);
  }

  function jump(to) {
    pause();
    show(to);
  }

  function set_pace(to) {
    pace = Math.max(0.25, Math.min(64, to));
    const words = pace < 1 ? `1 in ${1 / pace} s` : `${pace} / s`;
    $('pace').textContent = words;
    $('pace').title = `beats in a second: ${pace}`;
    $('slower').disabled = pace <= 0.25;
    $('faster').disabled = pace >= 64;
    if (!timer) return;
    clearTimeout(timer);
    wait();
  }

  const toggle = () => timer ? pause() : play();

  function replay() {
    jump(0);
    play();
  }

  const keys = {
    ' ': toggle,
    ArrowLeft: (shift) => step(shift ? -10 : -1),
    ArrowRight: (shift) => step(shift ? 10 : 1),
    PageUp: () => step(-1),
    PageDown: () => step(1),
    Home: () => jump(0),
    End: () => jump(last),
    ArrowUp: () => set_pace(pace * 2),
    ArrowDown: () => set_pace(pace / 2),
    r: replay,
    R: replay,
  };

  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === ' ' && event.target.tagName === 'BUTTON') return;  // presses the button
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act(event.shiftKey);
  });

  const on_click = { play: toggle, back: () => step(-1), next: () => step(1),
    slower: () => set_pace(pace / 2), faster: () => set_pace(pace * 2) };
  for (const id in on_click) {
    $(id).addEventListener('click', (event) => {
      on_click[id]();
      if (event.detail > 0) $(id).blur();  // a pointer's: Space is to play again
    });
  }
  $('scrubber').addEventListener('input', () => jump(Number($('scrubber').value)));

  read_all();
  begin_picture();
  set($('scrubber'), { max: last });
  set_pace(pace);
  // "#beat=12" begins at the twelfth, as people count.
  const asked = () => {
    const number = Number(/^#beat=(\d+)$/.exec(location.hash)?.[1] ?? 1);
    jump(number - 1);
  };
  addEventListener('hashchange', asked);
  asked();

  // For pages around it and for tests; counts from 0.
  window.fronta = { beats: last + 1, show: jump, beat: () => beat };
})();
