import { describeRegister } from './rows.ts';

describeRegister('sca');
