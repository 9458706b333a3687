import { randomBytes } from 'node:crypto';

/** 12 random letters, digits, dots and underscores, different at every call: for ids that must not come twice. */
export function randomId(): string {
  return randomBytes(9).toString('base64url').replaceAll('-', '.');
}
