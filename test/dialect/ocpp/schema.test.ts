import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ACTIONS, type Action, actionRow } from '../../../src/dialect/ocpp/actions.ts';
import { checkPayload } from '../../../src/dialect/ocpp/schema.ts';
import { SCHEMA_TEXTS } from '../../../src/dialect/ocpp/schema-texts.ts';
import { seededRandom } from '../../kit/random.ts';
import { REQUESTS, RESPONSES } from './payloads.ts';

const ROOT = path.join(import.meta.dirname, '../../..');
const require = createRequire(import.meta.url);

interface Official {
  validate(schemaId: string, params: unknown): void;
}
const { createValidator } = require('ocpp-rpc') as {
  createValidator(protocol: string, schemas: unknown): Official;
};
const official = createValidator(
  'ocpp1.6',
  require(path.join(path.dirname(require.resolve('ocpp-rpc/package.json')), 'lib/schemas/ocpp1_6.json')),
);

function isValidOfficially(action: Action, side: 'req' | 'conf', payload: unknown): boolean {
  try {
    official.validate(`urn:${action}.${side}`, payload);
    return true;
  } catch {
    return false;
  }
}

const codeOf = (action: Action, payload: unknown, how?: 'strict' | 'lenient') => {
  const checked = checkPayload(action, 'req', payload, how);
  return checked.ok ? 'valid' : checked.code;
};

describe('the schemas of OCPP 1.6', () => {
  test('are those of the development package, in the compact form', () => {
    const script = path.join(ROOT, 'scripts/make-ocpp-schemas.mjs');
    const made = execFileSync(process.execPath, [script, '--print'], { encoding: 'utf8' });
    expect(made).toBe(readFileSync(path.join(ROOT, 'src/dialect/ocpp/schema-texts.ts'), 'utf8'));
  });

  test('are there for all 39 actions, both ways', () => {
    const names = Object.keys(ACTIONS).flatMap((action) => [`${action}.conf`, `${action}.req`]);
    expect(Object.keys(SCHEMA_TEXTS).sort()).toEqual(names.sort());
    expect(Object.keys(ACTIONS)).toHaveLength(39);
  });

  test('every action comes from a charge point or from the central system', () => {
    const rows = (Object.keys(ACTIONS) as Action[]).map(actionRow);
    expect(rows.filter((row) => row.fromChargePoint === undefined && row.fromCentralSystem !== true)).toEqual(
      [],
    );
  });

  test.each(Object.keys(ACTIONS) as Action[])('%s: the example is valid, here and officially', (action) => {
    for (const [side, payload] of [
      ['req', REQUESTS[action]],
      ['conf', RESPONSES[action]],
    ] as const) {
      expect(checkPayload(action, side, payload)).toMatchObject({ ok: true, repaired: false });
      expect(isValidOfficially(action, side, payload)).toBe(true);
    }
  });

  test('say of 20,000 damaged payloads what the official ones say', () => {
    const random = seededRandom(16);
    const actions = Object.keys(ACTIONS) as Action[];
    const different: string[] = [];
    for (let round = 0; round < 20_000; round += 1) {
      const action = actions[Math.floor(random() * actions.length)] ?? 'Heartbeat';
      const side = random() < 0.5 ? 'req' : 'conf';
      const payload = damage(structuredClone((side === 'req' ? REQUESTS : RESPONSES)[action]), random);
      const ours = checkPayload(action, side, payload).ok;
      if (ours !== isValidOfficially(action, side, payload))
        different.push(`${action}.${side} ${ours}: ${JSON.stringify(payload)}`);
    }
    expect(different).toEqual([]);
  });
});

/** Changes one place of a payload. */
function damage(value: unknown, random: () => number): unknown {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  if (typeof value === 'object' && value !== null && random() < 0.8) {
    const keys = Object.keys(value);
    const object = value as Record<string, unknown>;
    const key = pick(keys);
    if (Array.isArray(value)) {
      if (key !== undefined) value[Number(key)] = damage(value[Number(key)], random);
      return value;
    }
    if (random() < 0.15) object['extra'] = 1;
    else if (random() < 0.2 && key !== undefined) delete object[key];
    else if (key !== undefined) object[key] = damage(object[key], random);
    return object;
  }
  return pick<unknown>([
    0,
    -1,
    1.5,
    0.1,
    16.1,
    'text',
    'x'.repeat(30),
    '',
    true,
    null,
    [],
    {},
    '2026-02-01T21:00:00Z',
  ]);
}

describe('a payload that is wrong', () => {
  test('has the code of its fault, in the spelling of 1.6', () => {
    expect(codeOf('Authorize', {})).toBe('OccurenceConstraintViolation');
    expect(codeOf('Authorize', { idTag: 5 })).toBe('TypeConstraintViolation');
    expect(codeOf('Authorize', [])).toBe('TypeConstraintViolation');
    expect(codeOf('Authorize', { idTag: 'x'.repeat(21) })).toBe('PropertyConstraintViolation');
    expect(codeOf('Authorize', { idTag: 'x', more: 1 })).toBe('PropertyConstraintViolation');
    expect(codeOf('Reset', { type: 'Medium' })).toBe('PropertyConstraintViolation');
    const start = REQUESTS.StartTransaction;
    expect(codeOf('StartTransaction', { ...start, timestamp: 'yesterday' })).toBe('FormationViolation');
    expect(codeOf('StartTransaction', { ...start, meterStart: 1.5 })).toBe('TypeConstraintViolation');
  });

  test('is described by its place, without its values', () => {
    const meterValue = [{ timestamp: 'secret-time', sampledValue: [{ value: '1' }] }];
    expect(checkPayload('MeterValues', 'req', { connectorId: 1, meterValue })).toEqual({
      ok: false,
      code: 'FormationViolation',
      description: 'meterValue[0].timestamp is no date and time of ISO 8601 with its zone',
    });
  });

  test.each(['2026-02-01T21:00:00Z', '2026-02-01T21:00:00.123456+02:00', '2016-12-31T23:59:60Z'])(
    'not with the time %s',
    (timestamp) => {
      expect(codeOf('StartTransaction', { ...REQUESTS.StartTransaction, timestamp })).toBe('valid');
    },
  );

  test('not with one decimal, which no double holds exactly', () => {
    const profile = REQUESTS.SetChargingProfile as { csChargingProfiles: { chargingSchedule: object } };
    for (const limit of [16.1, 0.3, 31.9, 1234567.8]) {
      const payload = structuredClone(profile);
      Object.assign(payload.csChargingProfiles.chargingSchedule, {
        chargingSchedulePeriod: [{ startPeriod: 0, limit }],
      });
      expect(codeOf('SetChargingProfile', payload)).toBe('valid');
    }
  });

  test('Celsius and Celcius are both units', () => {
    for (const unit of ['Celsius', 'Celcius']) {
      const meterValue = [{ timestamp: '2026-02-01T21:00:00Z', sampledValue: [{ value: '1', unit }] }];
      expect(codeOf('MeterValues', { connectorId: 1, meterValue })).toBe('valid');
    }
  });
});

describe('leniency', () => {
  test('takes a numeric value, one object for a list, and members that do not belong there', () => {
    const quirky = {
      connectorId: '1',
      vendor: 'x',
      meterValue: { timestamp: '2026-02-01T21:00:00', sampledValue: [{ value: 12.5, extra: {} }] },
    };
    expect(codeOf('MeterValues', quirky)).not.toBe('valid');
    expect(checkPayload('MeterValues', 'req', quirky, 'lenient')).toEqual({
      ok: true,
      repaired: true,
      value: {
        connectorId: 1,
        meterValue: [{ timestamp: '2026-02-01T21:00:00Z', sampledValue: [{ value: '12.5' }] }],
      },
    });
  });

  test('does not take what cannot be understood', () => {
    expect(codeOf('Authorize', {}, 'lenient')).toBe('OccurenceConstraintViolation');
    expect(
      codeOf('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Occupied' }, 'lenient'),
    ).toBe('PropertyConstraintViolation');
  });
});
