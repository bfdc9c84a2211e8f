"""Rewrites one C file so that every expression that decides can be made to lie: conditions, operands of && and ||,
values of bool and of enums that are returned, stored or passed, and the cases of switches. Clang tells where they are."""
import json
import re
import subprocess
from dataclasses import dataclass, field

CLANG = ["clang-14", "-std=gnu11", "-D_GNU_SOURCE", "-Isrc", "-fsyntax-only", "-w", "-Xclang", "-ast-dump=json"]
MOST_VALUES = 10  # a longer enum is a vocabulary, not a decision
CASTS = ("ImplicitCastExpr", "ParenExpr", "ConstantExpr")


@dataclass
class Mutant:
    id: int
    file: str  # below src/
    line: int
    function: str
    text: str  # of the expression
    change: str  # "false", "true", an enumerator, "no case X"
    opens: bool  # takes away what refuses
    ordinal: int = 1  # among equal ones of the function

    @property
    def name(self):
        number = f" #{self.ordinal}" if self.ordinal > 1 else ""
        return f"{self.file} {self.function}: `{self.text}` is {self.change}{number}"


def syntax_tree(path):
    out = subprocess.run([*CLANG, path], check=True, capture_output=True)
    return json.loads(out.stdout)


def children(node):
    return [n for n in node.get("inner", []) if n]


def enumerators(tree):
    """name of the enum's type -> names of its values"""
    found = {}
    for decl in tree["inner"]:
        if decl["kind"] == "EnumDecl" and "name" in decl:
            found["enum " + decl["name"]] = [c["name"] for c in children(decl) if c["kind"] == "EnumConstantDecl"]
    return found


def bare(node):
    """Without parentheses and casts that nobody wrote."""
    while node["kind"] in CASTS and children(node):
        node = children(node)[0]
    return node


def type_of(node):
    return node.get("type", {}).get("qualType", "").replace("const ", "")


def is_bool(node):
    return type_of(node) in ("_Bool", "bool")


def constant_name(node):
    node = bare(node)
    if node["kind"] == "DeclRefExpr" and node["referencedDecl"]["kind"] == "EnumConstantDecl":
        return node["referencedDecl"]["name"]
    return None


def returned(node):
    """What the function gives back, as far as it is written down: literals and names of constants, None for all else."""
    if node["kind"] == "ReturnStmt":
        for c in children(node):
            inner = bare(c)
            yield inner.get("value") if inner["kind"] == "IntegerLiteral" else constant_name(inner)
    for c in children(node):
        yield from returned(c)


def constant_functions(tree):
    """name -> the only value that it returns"""
    found = {}
    for decl in tree["inner"]:
        if decl["kind"] == "FunctionDecl" and "inner" in decl:
            values = {v for c in children(decl) if c["kind"] == "CompoundStmt" for v in returned(c)}
            if len(values) == 1 and None not in values:
                found[decl["name"]] = {"0": "false", "1": "true"}.get(*values, *values)
    return found


def in_macro(node):
    r = node.get("range", {})
    return "expansionLoc" in r.get("begin", {}) and "expansionLoc" in r.get("end", {}) and \
        r["begin"]["expansionLoc"]["offset"] == r["end"]["expansionLoc"]["offset"]


def denies(text):
    """Does this statement refuse? Its last words tell."""
    last = [s for s in re.split(r"[;{}]", text) if s.strip()]
    if not last:
        return False
    return bool(re.search(r"\breturn (false|NULL|0|-1|SPAN_NONE|res_err|fail|r\b)|\breturn \w*(REFUSED|FAILED|BLOCK|NONE|NO|"
                          r"ERROR|LIMITED|BUSY|OVER|ANONYMOUS|answer_status)\b|\b(tell|fail)\(", last[-1]))


@dataclass
class File:
    path: str
    first_id: int
    mutants: list = field(default_factory=list)

    def __post_init__(self):
        with open(self.path, "rb") as f:
            self.bytes = f.read()
        self.tree = syntax_tree(self.path)
        self.enums = enumerators(self.tree)
        self.constant = constant_functions(self.tree)
        self.inserts = []
        self.function = ""

    # --- places -------------------------------------------------------------------------------------------------------

    def extent(self, node):
        begin, end = node["range"]["begin"], node["range"]["end"]
        start = begin.get("expansionLoc", begin).get("offset")
        last = end.get("expansionLoc", end)
        if start is None or "offset" not in last:
            return None
        stop = last["offset"] + last["tokLen"]
        if "expansionLoc" in end:
            stop = self.after_arguments(stop)
        return start, stop

    def after_arguments(self, at):
        m = re.compile(rb"\s*\(").match(self.bytes, at)
        if not m:
            return at
        depth, i = 1, m.end()
        while depth:
            skip = re.compile(rb'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'').match(self.bytes, i)
            if skip:
                i = skip.end()
                continue
            depth += {ord("("): 1, ord(")"): -1}.get(self.bytes[i], 0)
            i += 1
        return i

    def source(self, node):
        at = self.extent(node)
        return re.sub(r"\s+", " ", self.bytes[at[0]:at[1]].decode()) if at else ""

    def wrap(self, node, before, after):
        start, stop = self.extent(node)
        n = len(self.inserts)
        self.inserts.append(((start, 1, -stop, n), start, before))
        self.inserts.append(((stop, 0, -start, -n), stop, after))

    def mutant(self, node, change, opens=False):
        line = self.bytes.count(b"\n", 0, self.extent(node)[0]) + 1
        m = Mutant(self.first_id + len(self.mutants), self.path.removeprefix("src/"), line, self.function, self.source(node),
                   change, opens)
        m.ordinal += sum(1 for o in self.mutants if (o.function, o.text, o.change) == (m.function, m.text, m.change))
        self.mutants.append(m)
        return m.id

    # --- values -------------------------------------------------------------------------------------------------------

    def force(self, node, wanted, opens):
        ids = {w: self.mutant(node, w, opens == w) for w in ("false", "true") if w in wanted}
        if ids:
            self.wrap(node, f"mutant_bool({ids.get('false', 0)}, {ids.get('true', 0)}, ", ")")

    def boolean(self, node, wanted=("false", "true"), opens=None):
        """opens: the value that lets through. Of `a && b` the whole is made false, and each operand true; what else could be
        forced is the same as one of these, or is caught where they are."""
        if in_macro(node):
            self.literal_or_leaf(node, wanted, opens)
            return
        inner = bare(node)
        other = {"false": "true", "true": "false"}
        if inner["kind"] == "UnaryOperator" and inner["opcode"] == "!":
            self.boolean(children(inner)[0], tuple(other[w] for w in wanted), other.get(opens))
        elif inner["kind"] == "BinaryOperator" and inner["opcode"] in ("&&", "||"):
            whole, each = ("false", "true") if inner["opcode"] == "&&" else ("true", "false")
            if whole in wanted:
                self.force(inner, (whole,), opens)
            for operand in self.operands(inner, inner["opcode"]):
                self.boolean(operand, (each,), opens)
        elif inner["kind"] == "ConditionalOperator":
            self.ternary(inner)
            for branch in children(inner)[1:]:
                self.boolean(branch, wanted, opens)
        else:
            self.literal_or_leaf(node, wanted, opens)

    def known_value(self, node):
        """What it is anyway."""
        text = self.source(node)
        inner = bare(node)
        if inner["kind"] == "BinaryOperator" and inner["opcode"] == "=":
            return self.known_value(children(inner)[1])
        if inner["kind"] == "CallExpr":
            return self.constant.get(bare(children(inner)[0]).get("referencedDecl", {}).get("name"))
        return {"0": "false", "1": "true"}.get(text, text)

    def literal_or_leaf(self, node, wanted, opens):
        wanted = [w for w in wanted if w != self.known_value(node)]
        self.force(node, wanted, opens)
        if not in_macro(node):
            self.walk(node, within=True)

    def operands(self, node, opcode):
        for child in children(node):
            b = bare(child)
            if b["kind"] == "BinaryOperator" and b["opcode"] == opcode and not in_macro(b):
                yield from self.operands(b, opcode)
            else:
                yield child

    def choice(self, node, names, prefix=""):
        ids = [self.mutant(node, prefix + name) for name in names]
        return f"{ids[0]}, {len(ids)}, (const int[]){{{', '.join(names)}}}"

    def ternary(self, node):
        self.boolean(children(node)[0])

    def enumeration(self, node, members):
        """Forces each value that the expression cannot have anyway by another branch."""
        inner = bare(node)
        if inner["kind"] == "IntegerLiteral" or inner["kind"] == "DeclRefExpr" and not constant_name(inner):
            return  # the zero of an initialiser, a variable on its way
        known = [constant_name(inner) or self.known_value(inner)]
        if inner["kind"] == "ConditionalOperator":
            known = [constant_name(c) for c in children(inner)[1:]]
        if len(members) <= MOST_VALUES:
            names = [name for name in members if name not in known]
            if names:
                self.wrap(node, f"(({type_of(node)})mutant_value({self.choice(node, names)}, (int)(", ")))")
        if not in_macro(node):
            self.walk(node, within=True)

    def value(self, node):
        """An expression whose value is kept, passed or returned."""
        if not node.get("range") or self.extent(node) is None:
            return
        if is_bool(node):
            self.boolean(node)
        elif type_of(node) in self.enums:
            self.enumeration(node, self.enums[type_of(node)])
        elif not in_macro(node):
            self.walk(node)

    # --- statements ---------------------------------------------------------------------------------------------------

    def on_if(self, node):
        parts = children(node)
        opens = "false" if denies(self.source(parts[1]) + ";") else None
        if opens is None and len(parts) > 2 and denies(self.source(parts[2]) + ";"):
            opens = "true"
        self.boolean(parts[0], opens=opens)
        for part in parts[1:]:
            self.walk(part)

    def on_loop(self, condition, others):
        """A loop that never begins; one that never ends proves nothing."""
        if condition and bare(condition)["kind"] != "IntegerLiteral" and not in_macro(condition):
            self.boolean(condition, ("false",))
        for part in others:
            if part:
                self.walk(part)

    def on_switch(self, node):
        condition, body = children(node)
        has_default = any(c["kind"] == "DefaultStmt" for c in children(body))
        assert not has_default or not any(self.only_leaves(c) for c in children(body) if c["kind"] == "CaseStmt")
        names = [self.source(children(statement)[0]) for statement in self.cases_of(body)]
        if names:
            self.wrap(condition, f"mutant_case({self.choice(condition, names, 'no case ')}, (int)(", "))")
        self.walk(condition, within=True)
        self.walk(body)

    def cases_of(self, node):
        """Those that do something: a lone `break` is what happens without the case, too."""
        if node["kind"] == "CaseStmt" and not self.only_leaves(node):
            yield node
        if node["kind"] in ("CompoundStmt", "CaseStmt", "DefaultStmt"):
            for c in children(node):
                yield from self.cases_of(c)

    def only_leaves(self, node):
        last = children(node)[-1]
        return last["kind"] == "BreakStmt" or last["kind"] == "CaseStmt" and self.only_leaves(last)

    def on_return(self, node):
        for c in children(node):
            if is_bool(c) and self.source(c) == "false":
                self.boolean(c, opens="true")
            else:
                self.value(c)

    def on_variable(self, node):
        if node.get("storageClass") in ("static", "extern"):
            return
        for c in children(node):
            self.value(c)

    def walk(self, node, within=False):
        """within: the node's own value is already taken care of."""
        kind = node["kind"]
        parts = children(node)
        if in_macro(node) or kind in ("UnaryExprOrTypeTraitExpr", "StaticAssertDecl"):
            return
        if kind == "IfStmt":
            self.on_if(node)
        elif kind == "WhileStmt":
            self.on_loop(parts[0], parts[1:])
        elif kind == "DoStmt":
            self.on_loop(parts[1], parts[:1])
        elif kind == "ForStmt":
            init, _, condition, step, body = node["inner"]
            self.on_loop(condition, [init, step, body])
        elif kind == "SwitchStmt":
            self.on_switch(node)
        elif kind == "CaseStmt":
            for c in parts[1:]:
                self.walk(c)
        elif kind == "ReturnStmt":
            self.on_return(node)
        elif kind == "VarDecl":
            self.on_variable(node)
        elif kind == "ConditionalOperator":
            self.ternary(node)
            for c in parts[1:]:
                self.value(c)
        elif kind == "BinaryOperator" and node["opcode"] in ("&&", "||") or kind == "UnaryOperator" and node["opcode"] == "!":
            self.boolean(node)
        elif kind == "BinaryOperator" and node["opcode"] == "=":
            self.walk(parts[0])
            self.value(parts[1])
        elif kind in ("CallExpr", "InitListExpr"):
            for c in parts:
                self.value(c)
        elif kind in CASTS and within:
            self.walk(parts[0], within=True)
        else:
            for c in parts:
                self.walk(c)

    def instrument(self):
        for decl in self.tree["inner"]:
            if decl["kind"] != "FunctionDecl" or "includedFrom" in decl["loc"] or "offset" not in decl["loc"]:
                continue
            body = [c for c in children(decl) if c["kind"] == "CompoundStmt"]
            if body:
                self.function = decl["name"]
                self.walk(body[0])
        return self.rewritten()

    def rewritten(self):
        out, at = [], 0
        for _, where, what in sorted(self.inserts):
            out += [self.bytes[at:where], what.encode()]
            at = where
        return b"".join([*out, self.bytes[at:]]).decode()
