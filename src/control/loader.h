/* The loader: a short-lived child of the supervisor that reads and judges the rules and everything they name, tells all
 * that is wrong on stderr, and hands back a sealed bundle with a summary. */
#ifndef TG_CONTROL_LOADER_H
#define TG_CONTROL_LOADER_H

/* `tiergate loader STATE RULES…`, started by the supervisor only. 0: handed over; 1: refused. */
int loader_main(int argc, char **argv);

#endif
