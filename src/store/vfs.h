/* SQLite's way to files, made to fit the worker's cage. Only src/store/ includes this. */
#ifndef TG_STORE_VFS_H
#define TG_STORE_VFS_H

/* The name to open a file by; made when it is first asked for. NULL: no memory. */
const char *store_vfs(void);

#endif
