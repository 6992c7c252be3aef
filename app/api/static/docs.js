// Draws /openapi.json for people. Text goes into the page as text only, never as markup.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

// make("p.soft", "words", node, …): an element, its classes, its children
function make(kind, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function link(href, ...children) {
  const anchor = make("a", ...children);
  anchor.setAttribute("href", href);
  return anchor;
}

function named(element, id) {
  element.id = id;
  return element;
}

// `code` inside a text; everything else stays as it is
function prose(text) {
  return (text || "").split(/(`[^`]+`)/).map((part) => (part.startsWith("`") && part.length > 2 ? make("code", part.slice(1, -1)) : part));
}

function paragraphs(text) {
  return (text || "").split(/\n\s*\n/).filter(Boolean).map((part) => make("p", ...prose(part.replace(/\s+/g, " "))));
}

function table(heads, rows) {
  const head = make("thead", make("tr", ...heads.map((text) => make("th", text))));
  return make("div.table", make("table", head, make("tbody", ...rows)));
}

function nameOf(reference) {
  return reference.split("/").pop();
}

// a short word for a schema: "string", "array of Evidence", a link to a named one
function typeOf(schema) {
  if (!schema) return ["anything"];
  if (schema.$ref) return [link("#schema-" + nameOf(schema.$ref), nameOf(schema.$ref))];
  const choices = schema.anyOf || schema.oneOf || schema.allOf;
  if (choices) return choices.flatMap((choice, index) => (index ? [" or ", ...typeOf(choice)] : typeOf(choice)));
  if (schema.type === "array") return ["array of ", ...typeOf(schema.items)];
  const type = [].concat(schema.type || "anything").join(" or ");
  return [schema.format ? `${type} (${schema.format})` : type];
}

// what else is to be said about a schema: its words, its values, its bounds
function about(schema) {
  const bounds = { default: "default", minimum: "at least", maximum: "at most", exclusiveMinimum: "more than", maxLength: "longest", maxItems: "at most, items" };
  const notes = [...prose(schema.description)];
  const values = (schema.enum || []).filter((value) => value !== null);
  if (values.length) {
    notes.push(" One of ");
    values.forEach((value, index) => notes.push(index ? ", " : "", make("code", String(value))));
    notes.push(".");
  }
  for (const [key, word] of Object.entries(bounds)) {
    if (schema[key] !== undefined) notes.push(` (${word} `, make("code", String(schema[key])), ")");
  }
  return notes;
}

function row(name, schema, required) {
  const first = make("td", make("code", name), required ? make("span.need", " required") : null);
  return make("tr", first, make("td", ...typeOf(schema)), make("td", ...about(schema)));
}

function properties(schema) {
  const required = schema.required || [];
  const rows = Object.entries(schema.properties || {}).map(([name, inner]) => row(name, inner, required.includes(name)));
  return rows.length ? table(["Field", "Type", "About"], rows) : make("p.soft", "No fields.");
}

function bodyParts(body) {
  if (!body) return [];
  const rows = Object.entries(body.content).map(([type, { schema }]) =>
    make("tr", make("td", make("code", type)), make("td", ...typeOf(schema)), make("td", ...prose(schema && schema.description))));
  return [make("h4", "Body"), ...paragraphs(body.description), table(["Content-Type", "Type", "About"], rows)];
}

function parameterParts(parameters) {
  if (!parameters.length) return [];
  const rows = parameters.map((parameter) => {
    const schema = { ...parameter.schema, description: parameter.description || (parameter.schema || {}).description };
    const line = row(parameter.name, schema, parameter.required);
    line.insertBefore(make("td", parameter.in), line.children[1]);
    return line;
  });
  return [make("h4", "Parameters"), table(["Name", "In", "Type", "About"], rows)];
}

function answerParts(responses, components) {
  const rows = Object.entries(responses).map(([status, given]) => {
    const answer = given.$ref ? components.responses[nameOf(given.$ref)] : given;
    const [content] = Object.values(answer.content || {});
    const extra = Object.keys(answer.headers || {}).flatMap((name, index) => [index ? ", " : " Headers: ", make("code", name)]);
    const type = content ? typeOf(content.schema) : [];
    return make("tr", make("td", make("code", status)), make("td", ...type), make("td", ...prose(answer.description), ...extra));
  });
  return [make("h4", "Answers"), table(["Status", "Type", "About"], rows)];
}

function keyParts(operation, common) {
  const security = operation.security || common || [];
  const scopes = [...new Set(security.flatMap((entry) => Object.values(entry).flat()))];
  const text = !security.length ? ["No key needed."] : scopes.length ? ["Needs a key with the scope ", make("code", scopes.join(", ")), "."] : ["Needs a key."];
  return make("p.soft", ...text);
}

function operationPart(api, path, method) {
  const operation = api.paths[path][method];
  const parameters = [...(api.paths[path].parameters || []), ...(operation.parameters || [])];
  const summary = make("summary", make(`span.method.${method}`, method.toUpperCase()), make("span.path", path), make("span.soft", ...prose(operation.summary)));
  const inside = make("div", ...paragraphs(operation.description), keyParts(operation, api.security), ...parameterParts(parameters),
    ...bodyParts(operation.requestBody), ...answerParts(operation.responses, api.components));
  return named(make("details.operation", summary, inside), `${method}-${path}`);
}

function operationsOf(api, tag) {
  return Object.entries(api.paths).flatMap(([path, operations]) =>
    METHODS.filter((method) => operations[method] && operations[method].tags.includes(tag)).map((method) => [path, method]));
}

function example() {
  const url = location.origin;
  return make("pre", [
    `curl -s ${url}/api/v1/analyses \\`,
    '  -H "X-API-Key: $BIFROST_API_KEY" -H "Content-Type: text/plain" --data-binary @app.log',
    "",
    `curl -s ${url}/api/v1/analyses/1 -H "X-API-Key: $BIFROST_API_KEY"`,
  ].join("\n"));
}

function draw(api) {
  const main = document.getElementById("main");
  const contents = document.getElementById("contents");
  const sections = [];
  contents.append(link("#main", make("strong", api.info.title)));
  for (const tag of api.tags) {
    const found = operationsOf(api, tag.name);
    sections.push(named(make("section", make("h2", tag.name), ...paragraphs(tag.description), ...found.map(([path, method]) => operationPart(api, path, method))), "tag-" + tag.name));
    contents.append(make("h2", tag.name), make("ul", ...found.map(([path, method]) =>
      make("li", link(`#${method}-${path}`, make(`span.method.${method}`, method.toUpperCase()), " ", path)))));
  }
  const schemas = Object.entries(api.components.schemas);
  sections.push(named(make("section", make("h2", "Schemas"), ...schemas.map(([name, schema]) =>
    named(make("section", make("h3", name), ...paragraphs(schema.description), properties(schema)), "schema-" + name))), "schemas"));
  const problems = api["x-problems"].map((problem) =>
    named(make("tr", make("td", make("code", problem.code)), make("td", String(problem.status)), make("td", problem.title)), "problem-" + problem.code));
  sections.push(named(make("section", make("h2", "Problems"), ...paragraphs("Every error is a `Problem` with one of these codes."), table(["Code", "Status", "Title"], problems)), "problems"));
  contents.append(make("h2", "Reference"), make("ul", make("li", link("#schemas", "Schemas")), make("li", link("#problems", "Problems")), make("li", link("/openapi.json", "openapi.json"))));
  main.replaceChildren(make("h1", api.info.title + " ", make("small", api.info.version)), ...paragraphs(api.info.description), example(), ...sections);
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target instanceof HTMLDetailsElement) target.open = true;
  target.scrollIntoView();
}

async function begin() {
  const state = document.getElementById("state");
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(`it answered ${answer.status}`);
    draw(await answer.json());
    window.addEventListener("hashchange", openTarget);
    openTarget();
  } catch (error) {
    state.textContent = `/openapi.json cannot be shown: ${error.message}.`;
  }
}

begin();
