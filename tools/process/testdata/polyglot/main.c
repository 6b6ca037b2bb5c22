/* A process in another language: the image half of a process asks only for a static binary that answers --version. */

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--version") == 0) {
    puts("polyglot-c 1.2.3");
    return 0;
  }
  fputs("usage: polyglot-c --version\n", stderr);
  return 2;
}
