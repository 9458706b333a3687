/** What the program needs at run time: names of files below the root of the project. */
export function libraryFiles(root: string): string[];
