import { describeRegister } from './rows.ts';

describeRegister('ecr-eft');
