// Renders /v1/openapi.json. Everything becomes text nodes, so nothing in the
// document can become markup.

const methods = ["get", "post", "put", "patch", "delete"];

/** h makes an element; attributes by name, children as nodes or text. */
function h(tag, attributes, ...children) {
  const el = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {})) if (v) el.setAttribute(k, v);
  el.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== ""));
  return el;
}

/** prose turns `code` between backquotes into elements. */
function prose(text) {
  return (text || "").split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

const paragraphs = (text) => (text || "").split("\n\n").map((p) => h("p", {}, prose(p)));

/** follow gives the schema behind a reference. */
function follow(doc, schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? doc.components.schemas[name] : schema || {};
}

function typeOf(doc, schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  const types = [schema.type].flat().filter(Boolean);
  const words = types.map((t) => (t === "array" ? `list of ${typeOf(doc, schema.items || {})}` : t));
  if (schema.format === "date-time") return "time";
  return words.join(" or ") || "any";
}

function limits(schema) {
  const out = [];
  if (schema.enum) out.push(`One of ${schema.enum.map((v) => `\`${v}\``).join(", ")}.`);
  if (schema.minimum > 0 || schema.maximum) out.push(`${schema.minimum ?? 0} to ${schema.maximum ?? "any"}.`);
  if (schema.default !== undefined) out.push(`Default \`${schema.default}\`.`);
  return out.join(" ");
}

function row(doc, name, schema, required, text) {
  return h("div", {},
    h("dt", {}, h("code", {}, name), h("span", { class: "type" }, typeOf(doc, schema) + (required ? "" : ", optional"))),
    h("dd", {}, prose([text, limits(schema)].filter(Boolean).join(" "))));
}

function fields(doc, schema, depth = 0) {
  const s = follow(doc, schema);
  const required = new Set(s.required || []);
  const rows = Object.entries(s.properties || {}).map(([name, p]) => row(doc, name, p, required.has(name), p.description));
  if (!rows.length) return null;
  const inner = Object.values(s.properties)
    .map((p) => (p.type === "array" || [p.type].flat().includes("array") ? p.items : p))
    .filter((p) => depth < 2 && p?.$ref && follow(doc, p).properties)
    .map((p) => h("details", {}, h("summary", {}, typeOf(doc, p)), fields(doc, p, depth + 1)));
  return h("div", {}, h("dl", {}, rows), inner);
}

/** example puts a body together from the examples of its fields. */
function example(doc, schema) {
  const s = follow(doc, schema);
  const body = {};
  for (const [name, p] of Object.entries(s.properties || {})) if (p.examples?.length) body[name] = p.examples[0];
  return Object.keys(body).length ? h("pre", {}, h("code", {}, JSON.stringify(body, null, 2))) : null;
}

function response(doc, status, r) {
  const media = Object.values(r.content || {})[0];
  const samples = Object.entries(media?.examples || {}).map(([, e]) => h("pre", {}, h("code", {}, JSON.stringify(e.value, null, 2))));
  const sample = media?.example ? h("pre", {}, h("code", {}, JSON.stringify(media.example, null, 2))) : null;
  const body = status >= 400 ? samples : [media?.schema ? fields(doc, media.schema) : null, sample];
  const title = [h("code", {}, status), ` ${r.description || ""}`];
  const shown = body.filter(Boolean);
  return shown.length ? h("details", {}, h("summary", {}, title), shown) : h("p", {}, title);
}

function call(doc, path, method, op) {
  const input = op.requestBody?.content?.["application/json"]?.schema;
  const parameters = (op.parameters || []).map((p) => row(doc, p.name, p.schema, p.required, p.description));
  return h("section", { class: "call", id: op.operationId, "aria-labelledby": `${op.operationId}-title` },
    h("h3", { id: `${op.operationId}-title` }, op.summary),
    h("p", { class: "route" }, h("span", { class: `method ${method}` }, method.toUpperCase()), ` ${path}`),
    paragraphs(op.description),
    op.security?.length ? h("p", { class: "who" }, op.security.some((s) => s.key) ? "For whoever is signed in, and for keys." : "For whoever is signed in.") : null,
    parameters.length ? [h("h4", {}, "Parameters"), h("dl", {}, parameters)] : null,
    input ? [h("h4", {}, op.requestBody.required ? "Body" : "Body, optional"), fields(doc, input), example(doc, input)] : null,
    h("h4", {}, "Answers"),
    Object.entries(op.responses || {}).sort(([a], [b]) => a - b).map(([status, r]) => response(doc, status, r)));
}

function render(doc) {
  const contents = [h("a", { class: "home", href: "/" }, doc.info.title)];
  const calls = [
    h("h1", {}, `${doc.info.title} API `, h("small", {}, doc.info.version)),
    h("div", { class: "intro" }, paragraphs(doc.info.description),
      h("p", {}, h("a", { href: "/v1/openapi.json" }, "The same for programs"))),
  ];
  for (const tag of doc.tags) {
    const links = [];
    const sections = [];
    for (const [path, item] of Object.entries(doc.paths)) {
      for (const method of methods) {
        const op = item[method];
        if (!op?.tags?.includes(tag.name)) continue;
        links.push(h("li", {}, h("a", { href: `#${op.operationId}` }, op.summary)));
        sections.push(call(doc, path, method, op));
      }
    }
    if (!links.length) continue;
    const title = tag.name[0].toUpperCase() + tag.name.slice(1);
    contents.push(h("h2", {}, title), h("ul", {}, links));
    calls.push(h("h2", {}, title), h("p", {}, prose(tag.description)), ...sections);
  }
  document.getElementById("contents").replaceChildren(...contents);
  document.getElementById("calls").replaceChildren(...calls);
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

try {
  const res = await fetch("/v1/openapi.json");
  if (!res.ok) throw new Error(`status ${res.status}`);
  render(await res.json());
} catch (err) {
  const state = document.getElementById("state");
  state.className = "failed";
  state.textContent = `The description could not be loaded: ${err.message}. Reload the page to try again.`;
}
