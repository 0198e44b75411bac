// json.mjs - JSON with int64: numbers of 16 digits and more are read as digits
// in a string, and a BigInt is written as a number.

// Strings are matched too, so that digits inside them are left alone.
const TOKEN = /"(?:\\.|[^"\\])*"|-?\d{16,}(?![\d.eE])/g;

export function parse(text) {
  return JSON.parse(text.replace(TOKEN, (token) => token[0] === '"' ? token : `"${token}"`));
}

const MARK = '\u0001';

export function stringify(value) {
  return JSON.stringify(value, (_, v) => typeof v === 'bigint' ? `${MARK}${v}` : v)
    .replace(/"\\u0001(-?\d+)"/g, '$1');
}
