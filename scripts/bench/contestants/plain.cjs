// The plain pipeline: frames split at their newlines, parsed to know the method, passed on as lines with the
// connection's name. It trusts the length, checks nothing, knows one direction.
const { pipeline } = require('node:stream');
const split = require('split2');

const toLine = (frame) => {
  const text = frame.slice(9);
  return typeof JSON.parse(text).method === 'string'
    ? `{"connection":"bench.1",${text.slice(1)}\n`
    : undefined;
};
pipeline(process.stdin, split(toLine), process.stdout, () => {});
