"""An equation as docs/theory.md writes it, in plain characters, as TeX.

The notation is what that file uses: ``a_b``, ``a^b``, ``a_{b c}``, names of Greek letters, ``sqrt(...)``, ``x / y``,
words between formulas. A quotient at the top level becomes a fraction; within brackets the stroke stays.
"""

import re
from dataclasses import dataclass

_LETTERS = (
    "alpha",
    "beta",
    "gamma",
    "delta",
    "eta",
    "kappa",
    "mu",
    "pi",
    "rho",
    "sigma",
    "tau",
    "theta",
    "phi",
    "xi",
    "zeta",
    "Phi",
)
GREEK = {
    **{name: f"\\{name}" for name in _LETTERS},
    "lam": r"\lambda",
    "lambda": r"\lambda",
    "eps": r"\varepsilon",
}
FUNCTIONS = {"ln", "log", "exp", "tanh", "max", "min"}
LARGE = {"sum": r"\sum", "prod": r"\prod", "integral": r"\int"}
SIGNS = {
    "<=": r"\leq",
    "<-": r"\leftarrow",
    ">=": r"\geq",
    "!=": r"\neq",
    "->": r"\to",
    "-+": r"\mp",
    "+-": r"\pm",
    "||": r"\|",
    "...": r"\dots",
    "*": r"\cdot",
    "~": r"\sim",
    "%": r"\%",
}
_TOKEN = re.compile(
    r"""(?P<gap>\ {2,})|(?P<space>\ )|(?P<quoted>"[^"]*"|`[^`]*`)
    |(?P<word>[A-Za-z]{2,}(?:[-.][A-Za-z]{2,})+|[A-Za-z]{2,}'s\b|[A-Za-z]+\d*)|(?P<number>\d+(?:\.\d+)?)
    |(?P<sign>\.\.\.|<=|<-|>=|!=|->|-\+|\+-|\|\||[^A-Za-z0-9 ])""",
    re.VERBOSE,
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class _Piece:
    """A part of a formula: its TeX, and for a bracketed group what stands inside it."""

    tex: str
    kind: str  # "atom", "group", "text", "sign", "gap"
    inside: str = ""
    raw: str = ""
    quotient: tuple[str, str] = ("", "")  # numerator and denominator of a fraction


class _Reader:
    """Tokens of one line, one after the other."""

    def __init__(self, line: str) -> None:
        self.tokens = [(found.lastgroup or "", found[0]) for found in _TOKEN.finditer(line)]
        self.at = 0
        self.in_script = False

    def peek(self, ahead: int = 0) -> tuple[str, str]:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        self.at += 1
        return self.tokens[self.at - 1]

    def formula(self, until: str = "", fractions: bool = True) -> str:
        """TeX up to a closing bracket, which is taken."""
        pieces: list[_Piece] = []
        while self.peek()[1] != until or not until:
            kind, _ = self.peek()
            if kind == "end":
                if until:
                    raise ValueError(f"no closing {until}")
                break
            if kind == "space":
                self.take()
                continue
            pieces.append(self.piece())
        if until:
            self.take()
        return _joined(_fractions(pieces) if fractions else pieces)

    def piece(self) -> _Piece:
        kind, text = self.take()
        before, after = self.tokens[self.at - 2][0] if self.at > 1 else "", self.peek()[0]
        if kind == "gap":
            return _Piece(r"\quad", "gap")
        if kind == "quoted":
            return _Piece(rf"\texttt{{{text[1:-1]}}}", "quoted")
        if kind == "sign" and text in _CLOSING:
            inside = self.formula(_CLOSING[text], fractions=text == "[" and after == "space")
            opening, closing = (r"\{", r"\}") if text == "{" else (text, _CLOSING[text])
            return self.postfix(_Piece(f"{opening} {inside} {closing}", "group", inside))
        if kind == "sign" and text in ("|", "||") and after not in ("space", "gap", "end"):
            bar = SIGNS.get(text, text)
            return self.postfix(_Piece(f"{bar} {self.formula(text, fractions=False)} {bar}", "atom"))
        if kind == "sign" and text in _CLOSING.values():
            raise ValueError(f"{text} closes nothing")
        if kind == "sign":
            dot = text == "." and before == after == "space"
            return _Piece(r"\cdot" if dot else SIGNS.get(text, text), "sign", raw=text)
        if kind == "number":
            return self.postfix(_Piece(text, "atom"))
        return self.word(text)

    def word(self, text: str) -> _Piece:
        """A name, with what belongs to it, or a word of the language."""
        follows = self.peek()[1]
        called = follows in ("(", "[", "_", "^", "'", "*")
        if text == "sqrt" and called:
            self.take()
            return self.postfix(_Piece(rf"\sqrt{{{self.formula(')', fractions=False)}}}", "atom"))
        if text == "d" and follows == "||":
            return _Piece(f"d {self.piece().tex}", "atom", raw="d")
        tex = symbol(text)
        if text == "sum" and self.speech():
            tex = None
        if tex is None:
            if len(text) == 2 and self.in_script:
                tex = text
            elif not called:
                return _Piece(text, "text")
        if tex is None:
            tex = rf"\mathrm{{{text}}}"
        return self.postfix(_Piece(tex, "atom", raw=text))

    def speech(self) -> bool:
        """Whether a word of the language follows."""
        kind, text = self.peek(1)
        return self.peek()[0] == "space" and kind == "word" and symbol(text) is None

    def postfix(self, piece: _Piece) -> _Piece:
        """Primes, tildes, indices, powers and arguments that follow without a space."""
        base, primes, below, above, named = *_parts(piece.tex), bool(_parts(piece.tex)[3])
        done = False
        while True:
            kind, text = self.peek()
            if kind != "sign" or text not in ("'", "~", "_", "^", "(", "[", "*") or (text == "~" and len(base) > 1):
                break
            if text in "([" and piece.kind == "group" and not above:
                break
            self.take()
            done = True
            if text == "'":
                primes += "'"
            elif text == "~":
                base = rf"\tilde{{{base}}}"
            elif text == "_":
                below = ",".join(filter(None, (below, self.script())))
            elif text in "^*":
                script = "*" if text == "*" else self.script()
                if named:  # sigma2 is one symbol with a power of its own
                    base, primes, below, named = f"({_whole(base, primes, below, above)})", "", "", False
                above = script
            else:
                wide = text == "[" and self.peek()[0] == "space"
                inside = self.formula(_CLOSING[text], fractions=wide)
                base = f"{_whole(base, primes, below, above)}{text} {inside} {_CLOSING[text]}"
                primes, below, above, named = "", "", "", False
        if not done:
            return piece
        return _Piece(_whole(base, primes, below, above), "atom", "", piece.raw)

    def script(self) -> str:
        """What stands in an index or a power."""
        kind, text = self.peek()
        if text in ("{", "("):
            self.take()
            before, self.in_script = self.in_script, True
            inside = self.formula(_CLOSING[text], fractions=False)
            self.in_script = before
            return inside
        if text in ("-", "<", "<="):
            self.take()
            return f"{SIGNS.get(text, text)}{self.script()}"
        if kind == "number":
            return self.take()[1]
        if kind != "word":
            raise ValueError(f"an index or a power cannot begin with {text!r}")
        self.take()
        if text == "T" and self.peek()[1] not in ("-", "_"):
            return r"\top" if self.tokens[self.at - 2][1] == "^" else "T"
        tex = symbol(text) or (text if len(text) == 2 else rf"\mathrm{{{text}}}")
        if self.peek()[1] == "_":  # z^z_i
            self.take()
            tex += f"_{{{self.script()}}}"
        return tex


def _parts(tex: str) -> tuple[str, str, str, str]:
    """Base, primes, index and power of a symbol."""
    found = re.fullmatch(r"(.+?)(?:_\{(\d+)\})?(?:\^\{(2)\})?", tex)
    return (found[1], "", found[2] or "", found[3] or "") if found else (tex, "", "", "")


def _whole(base: str, primes: str, below: str, above: str) -> str:
    """The TeX of a symbol with its scripts."""
    tex = f"{base}{primes}"
    if primes and (above or below):
        tex = f"{{{tex}}}"
    return tex + (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


def symbol(word: str) -> str | None:
    """TeX of a name, or None for a word of the language.

    >>> symbol("sigma2"), symbol("dmu"), symbol("p1"), symbol("KL"), symbol("for")
    ('\\\\sigma^{2}', 'd\\\\mu', 'p_{1}', '\\\\mathrm{KL}', None)
    """
    if word in LARGE:
        return LARGE[word]
    if word in FUNCTIONS:
        return f"\\{word}"
    if word == "inf":
        return r"\infty"
    if word in GREEK:
        return GREEK[word]
    if len(word) == 1:
        return word
    if word == "sigma2":
        return r"\sigma^{2}"
    if word[0] == "d" and (rest := word[1:]) and word not in ("dx",):
        if rest == "lnP":
            return r"d\ln P"
        if len(rest) == 1 or rest in GREEK or rest in ("sigma2", "KL", "logit") or re.fullmatch(r"[A-Za-z]\d", rest):
            return "d" + (symbol(rest) or rest)
    if word == "dx":
        return "dx"
    if re.fullmatch(r"[A-Za-z]\d+", word):
        return f"{word[0]}_{{{word[1:]}}}"
    if word in ("He", "KL", "acc", "span", "step", "relax", "erfcx", "logit", "onehot"):
        return rf"\mathrm{{{word}}}"
    return None


def _fractions(pieces: list[_Piece]) -> list[_Piece]:
    """Quotients as fractions: a whole product over what follows the stroke, but of a derivative its own d alone."""
    done: list[_Piece] = []
    rest = list(pieces)
    while rest:
        piece = rest.pop(0)
        if not (piece.raw == "/" and done and rest and {done[-1].kind, rest[0].kind} <= {"atom", "group"}):
            done.append(piece)
            continue
        under = rest.pop(0)
        over = [done.pop()]
        if over[0].quotient[0]:  # a / b / c
            top, below = over[0].quotient[0], f"{over[0].quotient[1]} {under.tex}"
            done.append(_Piece(rf"\frac{{{top}}}{{{below}}}", "atom", quotient=(top, below)))
            continue
        if re.match(r"d[\\a-zA-Z ]", under.tex):
            if done and re.fullmatch(r"d\^\{\w\}", done[-1].tex):  # d^2 E[L] / dmu^2
                over.insert(0, done.pop())
        else:
            while done and done[-1].kind in ("atom", "group") and not done[-1].tex.startswith(_WHOLE):
                over.insert(0, done.pop())
        top = over[0].inside or over[0].tex if len(over) == 1 else _joined(over)
        below = under.inside or under.tex
        if at := re.fullmatch(r"(d\w_\{\w\})(\( \d \))", below):  # dV/dz_i(1): the derivative at 1
            done += [_Piece(rf"\frac{{{top}}}{{{at[1]}}}", "atom"), _Piece(at[2], "atom")]
            continue
        done.append(_Piece(rf"\frac{{{top}}}{{{below}}}", "atom", quotient=(top, below)))
    return done


_WHOLE = (r"\frac", *LARGE.values(), *(f"\\{name}" for name in FUNCTIONS))  # no factors of a numerator


def _joined(pieces: list[_Piece]) -> str:
    """The pieces in a row; neighbouring words as one text."""
    parts: list[str] = []
    words: list[str] = []
    kinds = [*(piece.kind for piece in pieces), "end", "end"]
    for index, piece in enumerate([*pieces, _Piece("", "end")]):
        article = piece.tex == "a" and (words or not parts) and kinds[index + 1] == "text"
        if piece.kind == "text" or article:
            words.append(piece.tex)
            continue
        if words:
            before = " " if parts and parts[-1] != r"\quad" else ""
            after = "" if piece.kind in ("end", "gap") or piece.raw in (",", ";", ":", ".") else " "
            parts.append(rf"\text{{{before}{' '.join(words)}{after}}}")
            words = []
        parts.append(piece.tex)
        if re.fullmatch(r"\\mathrm\{\w+\}(\^\{\w\})?", piece.tex) and kinds[index + 1] in ("atom", "group"):
            parts.append(r"\,")
    return " ".join(part for part in parts if part)


def tex(line: str) -> str:
    r"""One line of an equation as TeX.

    Parameters
    ----------
    line : str
        The line without its indentation and without its number.

    Raises
    ------
    ValueError
        Brackets that do not match, an index that is none.

    Examples
    --------
    >>> tex("r = m / s")
    'r = \\frac{m}{s}'
    >>> tex("P(z_t = 1 | past) = F(r_t),   r_t = (M_t - theta) / sqrt(V_t)")
    'P( z_{t} = 1 | \\text{ past} ) = F( r_{t} ) , \\quad r_{t} = \\frac{M_{t} - \\theta}{\\sqrt{V_{t}}}'
    """
    reader = _Reader(line)
    return reader.formula()
