/* The number of an array's elements; not for pointers. */
#ifndef TG_BASE_COUNT_H
#define TG_BASE_COUNT_H

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
