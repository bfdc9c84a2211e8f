/* How all of our pages look. Sizes are in rem, so that zoom and a larger font enlarge everything; no motion; borders stay visible where a
 * system forces its own colours. */
#include "gate/pages.h"

#define LIGHT                                                                                                          \
    "--ink:#1b1f24;--soft:#57606a;--ground:#f3f5f8;--card:#fff;--line:#d5dae1;--edge:#7a8490;--act:#0b57a8;"           \
    "--over:#084482;--on:#fff;--bad:#a40e26;--badly:#fdecee;--well:#eaf2fb"
#define DARK                                                                                                           \
    "--ink:#e8ecf1;--soft:#a3adb8;--ground:#0e1116;--card:#181c22;--line:#333b45;--edge:#7d8895;--act:#8abfff;"        \
    "--over:#b3d5ff;--on:#0a1420;--bad:#ff9aa5;--badly:#35191d;--well:#162433"

#define STYLE                                                                                                          \
    ":root{color-scheme:light dark;" LIGHT "}"                                                                         \
    "@media (prefers-color-scheme:dark){:root{" DARK "}}"                                                              \
    "*{box-sizing:border-box}"                                                                                         \
    "html{-webkit-text-size-adjust:100%;text-size-adjust:100%}"                                                        \
    "body{margin:0;min-height:100vh;min-height:100svh;display:flex;flex-direction:column;align-items:center;"          \
    "padding:max(1rem,8vh) 1rem 1rem;background:var(--ground);color:var(--ink);"                                       \
    "font:1rem/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",sans-serif;overflow-wrap:anywhere}"  \
    "header,main,footer{width:100%;max-width:26rem}"                                                                   \
    "header{display:flex;align-items:center;gap:.6rem;margin-bottom:1rem;padding:0 .25rem;font-weight:600}"            \
    "header img{max-height:2.5rem;max-width:8rem;border-radius:.4rem}"                                                 \
    "header svg{flex:none;width:1.75rem;height:1.75rem;color:var(--act)}"                                              \
    "header b{flex:none;margin-left:auto;padding:.05rem .6rem;border:1px solid var(--edge);border-radius:1rem;"        \
    "font-size:.8125rem;font-weight:600;color:var(--soft)}"                                                            \
    "main{padding:1.75rem;background:var(--card);border:1px solid var(--line);border-radius:.9rem;"                    \
    "box-shadow:0 1px 2px #0001,0 .75rem 2rem #0000000d}"                                                              \
    "@media (max-width:24rem){main{padding:1.25rem}}"                                                                  \
    "h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25;letter-spacing:-.01em;text-wrap:balance}"                   \
    "p{margin:0 0 1rem}main>:last-child,form>:last-child{margin-bottom:0}"                                             \
    ".soft{font-size:.875rem;color:var(--soft)}.soft strong{color:var(--ink)}"                                         \
    ".note{margin:0 0 1.25rem;padding:.65rem .85rem;border:1px solid;border-left-width:.3rem;border-radius:.5rem;"     \
    "border-color:var(--act);background:var(--well)}h1+.note{margin-top:1rem}"                                         \
    ".note.error{border-color:var(--bad);color:var(--bad);background:var(--badly)}"                                    \
    "form{margin:0 0 1rem}label{display:block;margin-bottom:.3rem;font-weight:600}"                                    \
    "input{display:block;width:100%;min-height:3rem;margin:0 0 .85rem;padding:.6rem .8rem;"                            \
    "border:1px solid var(--edge);border-radius:.55rem;background:var(--card);color:var(--ink);font:inherit}"          \
    "input[aria-invalid]{border:2px solid var(--bad)}"                                                                 \
    "input.code{font-size:1.5rem;letter-spacing:.18em;font-variant-numeric:tabular-nums;"                              \
    "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}"                                                \
    ".button{display:flex;align-items:center;justify-content:center;width:100%;min-height:3rem;margin:0 0 .75rem;"     \
    "padding:.6rem 1.1rem;border:1px solid var(--act);border-radius:.55rem;background:var(--act);color:var(--on);"     \
    "font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}"                              \
    ".button:hover{background:var(--over);border-color:var(--over)}"                                                   \
    ".other{border-color:var(--edge);background:0 0;color:var(--ink)}"                                                 \
    ".other:hover{border-color:var(--ink);background:var(--ground)}"                                                   \
    ".quiet{display:inline-block;padding:.15rem 0;text-align:left;border:0;background:0 "                              \
    "0;color:var(--act);font:inherit;"                                                                                 \
    "text-decoration:underline;text-underline-offset:.15em;cursor:pointer}"                                            \
    ".quiet:hover{color:var(--over);text-decoration-thickness:2px}"                                                    \
    ":focus-visible{outline:3px solid var(--act);outline-offset:2px}"                                                  \
    ".or{display:flex;align-items:center;gap:.75rem;margin:1.25rem 0;color:var(--soft);font-size:.875rem}"             \
    ".or::before,.or::after{content:\"\";flex:1;border-top:1px solid var(--line)}"                                     \
    ".more{margin-top:1.25rem;padding-top:1rem;border-top:1px solid var(--line)}.more>:last-child{margin-bottom:0}"    \
    ".more p,.more form{margin-bottom:.5rem}"                                                                          \
    "footer{margin-top:1rem;padding:0 .25rem;font-size:.8125rem;color:var(--soft)}footer p{margin:0}"

/* base64 of the SHA-256 of STYLE; a test recomputes it. */
#define STYLE_SHA256 "fNogfLUTD+fGnEplE9Mf1R8dkBpnNJ6K0ciSmu9UAlw="

struct span page_style(void)
{
    return SPAN(STYLE);
}

/* A browser applies form-action to where a form's POST redirects, too, and the way back is another host: so https. */
struct span page_policy(void)
{
    return SPAN("default-src 'none'; style-src 'sha256-" STYLE_SHA256 "'; img-src 'self' data:; "
                "form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'");
}
