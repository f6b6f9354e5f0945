// Conditions and calculations of questionnaires: the language of content/survey/condition,
// whose tests run this file beside the one in Go. It takes what the server has checked and
// knows no page: values maps names to texts, numbers and lists of texts.

const finite = (v) => (Number.isFinite(v) ? v : undefined);

// An empty text or list is no answer, as is everything that is no text, number or list.
const answer = (v) => ((typeof v == "string" || Array.isArray(v)) && v.length ? v : finite(v));

const logic = {
  and: (all) => all.every((x) => x === true),
  or: (all) => all.some((x) => x === true),
  "!": ([a]) => a !== true,
  in: ([a, b]) => Array.isArray(b) && b.includes(a),
};

const comparisons = {
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

const calculations = {
  "+": (all) => all.reduce((a, b) => a + b),
  "-": ([a, b]) => (b === undefined ? -a : a - b),
  "*": (all) => all.reduce((a, b) => a * b),
  "/": ([a, b]) => a / b,
  min: (all) => Math.min(...all),
  max: (all) => Math.max(...all),
};

const evaluate = (rule, values) => {
  if (typeof rule != "object" || Array.isArray(rule)) return rule;
  const [[op, given]] = Object.entries(rule);
  const args = [given].flat();
  if (op == "var") return answer(values[args[0]]);
  if (op == "missing") return args.some((name) => answer(values[name]) === undefined);
  const all = args.map((x) => evaluate(x, values));
  const [a, b, c] = all;
  if (op in logic) return logic[op](all);
  if (op in comparisons) return typeof a == typeof b && ["string", "number"].includes(typeof a) && comparisons[op](a, b);
  if (op == "if") return finite(a === true ? b : c);
  return all.every(Number.isFinite) ? finite(calculations[op](all)) : undefined;
};

// holds tells whether a condition is fulfilled; no condition always is.
export const holds = (rule, values) => rule == null || evaluate(rule, values) === true;

// number calculates; undefined when there is no value.
export const number = (rule, values) => (rule == null ? undefined : finite(evaluate(rule, values)));
