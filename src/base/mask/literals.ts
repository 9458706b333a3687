import { MASK } from './digits.ts';

/** Shorter ones are words of every text; of digits alone, shorter ones are amounts and receipt numbers. */
const MIN_LENGTH = 6;
const MIN_DIGITS = 16;
const MAX_LITERALS = 64;

/** Each text, as it is and as JSON writes it, with the number of those who want it hidden. */
const literals = new Map<string, number>();

/**
 * Hides a secret that is known, an api key for instance, wherever it stands in what is masked, until the answer is called:
 * a peer may repeat it where no name tells what it is. Texts under 6 characters, or 16 digits, are not hidden.
 *
 * Limits: 64 texts at a time; beyond, those that came first are forgotten
 */
export function hideLiteral(secret: string): () => void {
  if (secret.length < MIN_LENGTH || (/^\d+$/.test(secret) && secret.length < MIN_DIGITS)) return () => {};
  const forms = [...new Set([secret, JSON.stringify(secret).slice(1, -1)])];
  for (const form of forms) literals.set(form, (literals.get(form) ?? 0) + 1);
  for (const form of literals.keys()) {
    if (literals.size <= MAX_LITERALS) break;
    literals.delete(form);
  }
  let isHidden = true;
  return () => {
    if (!isHidden) return;
    isHidden = false;
    for (const form of forms) {
      const count = literals.get(form) ?? 0;
      if (count > 1) literals.set(form, count - 1);
      else literals.delete(form);
    }
  };
}

export function maskLiterals(text: string): string {
  let masked = text;
  for (const literal of literals.keys()) masked = masked.replaceAll(literal, MASK);
  return masked;
}

/** The same for JSON that stays JSON: only inside its strings, however they are escaped. */
export function maskLiteralsInJson(json: string): string {
  if (literals.size === 0) return json;
  return json.replace(STRING, (string) => {
    const decoded = JSON.parse(string) as string;
    const masked = maskLiterals(decoded);
    return masked === decoded ? string : JSON.stringify(masked);
  });
}

const STRING = /"(?:[^"\\]|\\.)*"/g;
