import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Roots and certificates in a folder, made by openssl: `NAME.pem` with its key in `NAME.key`. */
export class Certificates {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  pem(name: string): string {
    return join(this.#folder, `${name}.pem`);
  }

  key(name: string): string {
    return join(this.#folder, `${name}.key`);
  }

  read(name: string): { readonly cert: Buffer; readonly key: Buffer } {
    return { cert: readFileSync(this.pem(name)), key: readFileSync(this.key(name)) };
  }

  root(name: string): void {
    const files = ['-keyout', this.key(name), '-out', this.pem(name)];
    this.#run('req', '-x509', ...NEW_KEY, ...files, '-days', '3650', '-subj', `/CN=${name}`);
  }

  /** `extension` as in `subjectAltName=IP:127.0.0.1`; the subject is the name unless it is given. */
  signed(
    name: string,
    by: string,
    extension: string,
    more: { subject?: string; days?: string[] } = {},
  ): void {
    const { subject = `/CN=${name}`, days = ['-days', '365'] } = more;
    this.#request(name, subject);
    writeFileSync(this.#path('extension'), extension);
    const issuer = ['-CA', this.pem(by), '-CAkey', this.key(by), '-set_serial', `${process.hrtime.bigint()}`];
    const files = ['-in', this.#path('request'), '-out', this.pem(name)];
    this.#run('x509', '-req', ...files, ...issuer, ...days, '-extfile', this.#path('extension'));
  }

  /** openssl signs nothing that has ended; the time of its own process is set instead. */
  expired(name: string, by: string, extension: string): void {
    this.#request(name, `/CN=${name}`);
    writeFileSync(this.#path('index'), '');
    const config = `[ca]\ndefault_ca=c\n[c]\ndatabase=${this.#path('index')}\nrand_serial=yes\nnew_certs_dir=${this.#folder}\ndefault_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\n${extension}\n`;
    writeFileSync(this.#path('ca.conf'), config);
    const files = ['-config', this.#path('ca.conf'), '-in', this.#path('request'), '-out', this.pem(name)];
    const times = ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z'];
    this.#run('ca', '-batch', ...files, '-cert', this.pem(by), '-keyfile', this.key(by), ...times);
  }

  #request(name: string, subject: string): void {
    const files = ['-keyout', this.key(name), '-out', this.#path('request')];
    this.#run('req', ...NEW_KEY, ...files, '-subj', subject);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #run(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}
