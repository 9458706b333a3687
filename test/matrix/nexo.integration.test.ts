import { describeRegister } from './rows.ts';

describeRegister('nexo');
