"""cases.py - what goes wrong, one function each. `w` is the world of money.py:
w.a and w.b are the ways to the chain's nodes. What strikes both is the chain's
or the network's trouble; what strikes w.a alone is one provider's.
"""

import proxy
from stage import wait_for

COIN = 10**18
LAG = 6  # blocks


def all_is_well(w):
    w.settled("nothing goes wrong")
    w.check("what is sent goes to all nodes",
            w.a.count(w.chain.send_word) and w.b.count(w.chain.send_word))


# --- the way there ------------------------------------------------------------

def requests_are_lost(w):
    def faults():
        for word in (w.chain.read_word, w.chain.send_word, w.chain.fate_word):
            w.both(word, proxy.drop_request, times=2)
    w.settled("requests are lost", faults)


def answers_are_lost(w):
    """The worst of them: the chain has taken it, and the program cannot know."""
    def faults():
        w.both(w.chain.send_word, proxy.drop_answer, times=2)
        w.both(w.chain.fate_word, proxy.drop_answer, times=1)
    w.settled("what the chain took is not answered", faults)


def all_is_repeated(w):
    w.settled("all but reading arrives twice", lambda: w.both(
        lambda word: word != w.chain.read_word, proxy.twice))


def all_is_late(w):
    """A broadcast reaches the chain after questions that were asked later."""
    def faults():
        w.both(w.chain.send_word, proxy.late(1), times=2)
        w.both(w.chain.fate_word, proxy.late_answer(1), after=1, times=2)
    w.settled("what was asked first arrives last", faults)


def nonsense_is_answered(w):
    def faults():
        for act in (proxy.half, proxy.says(200, b"<html>moved</html>"),
                    proxy.says(502, b"bad gateway")):
            w.both(w.chain.send_word, act, times=1)
            w.both(w.chain.fate_word, act, after=1, times=1)
    w.settled("half a body, no JSON, a gateway's page", faults)


def too_many_requests(w):
    def faults():
        for word in (w.chain.read_word, w.chain.send_word):
            w.both(word, proxy.says(429), times=1)
    w.settled("429", faults)


def nodes_restart(w):
    def faults():
        w.chain.mining.clear()

    def meanwhile(p):
        wait_for("a broadcast", 20, lambda: w.told(p).count(": sent"), p)
        for way in w.ways:
            way.stop()
        w.chain.mining.set()
        wait_for("trouble", 20, lambda: "failed" in w.logged(), w.daemon)
        for way in w.ways:
            way.start()
    w.settled("both nodes restart while it is on its way", faults, meanwhile)


def a_storm(w):
    def faults():
        for way in w.ways:
            proxy.storm(way, "%d %s" % (w.seed, way is w.a), 4)
    w.settled("a storm, seed %d" % w.seed, faults, again=True)


# --- the chain ----------------------------------------------------------------

def until_sent(w, p):
    wait_for("a broadcast", 20, lambda: ": sent" in w.told(p), p)


def it_vanishes_from_the_pool(w):
    def meanwhile(p):
        until_sent(w, p)
        w.chain.lose_pending()
        w.chain.mining.set()
    w.settled("it vanishes from the pool", w.chain.mining.clear, meanwhile)


def its_block_is_undone(w):
    def faults():
        w.chain.mining.clear()
        w.chain.mark()

    def meanwhile(p):
        until_sent(w, p)
        w.chain.pass_blocks(1)
        wait_for("a block", 20, lambda: "in a block" in w.told(p), p)
        w.chain.undo()
        wait_for("word of it", 20, lambda: "undone" in w.told(p), p)
        w.chain.unmark()
        w.chain.mining.set()
    w.settled("its block is undone before it is final", faults, meanwhile)


def final_blocks_are_undone(w):
    """Deeper than the rule of confirmations: it was booked already."""
    if w.chain.unit != "gas":
        return  # a solid block of TRON is never undone
    payers, since = w.next_payers(), w.chain.height()
    w.chain.mark()
    p = w.command("settle", "--all")
    p.wait(30)
    w.check("it is settled, before the chain is undone", p.status == 0,
            w.told(p))
    top = w.chain.height()
    w.chain.undo()
    w.check("it is undone", all(w.paid(p) == 0 for p in payers))
    wait_for("a longer chain", 60,
             lambda: w.chain.height() > top + 3)
    p = w.command("settle", "--all")
    p.wait(30)
    w.check("what was settled and undone is settled again", p.status == 0,
            w.told(p))
    w.prove("after final blocks were undone", payers, since)


# --- one of two nodes ---------------------------------------------------------

def names(w, name, *which):
    """The daemon has said whose word it is."""
    said = w.heard()
    w.check("%s: it is named" % name, any(
        w.a.name in line and any(x in line for x in which)
        for line in said.splitlines()), said[-1500:])


def one_node(w, name, act, *words, named=(), again=False):
    w.listen()

    def faults():
        for word in words:
            w.a.rule(word, act)
    said = w.settled(name, faults, again=again)
    if named:
        names(w, name, *named)
    return said


def one_is_of_another_chain(w):
    one_node(w, "one node is of another chain", w.chain.other_chain(),
             lambda _word: True, named=("is chain 1, want",))


def one_is_away(w):
    w.listen()
    w.settled("one node is away", w.a.stop)
    w.a.start()
    names(w, "one node is away", "failed")


def one_lies_about_balances(w):
    """While the chain stands still: of two nodes of TRON, which answer for
    different blocks, the one that lies is named later."""
    name = "one node makes payers rich and us unpaid"
    w.listen()

    def faults():
        w.chain.mining.clear()
        w.a.rule(w.chain.read_word, w.chain.rich_and_unpaid())

    def meanwhile(p):
        until_sent(w, p)
        w.chain.mining.set()
    w.settled(name, faults, meanwhile)
    names(w, name, "differs")


def one_is_ahead(w):
    one_node(w, "one node tells of blocks that are not there",
             w.chain.ahead(1000), w.chain.head_word,
             named=("lag", "differs", "refused"))


def one_invents_an_end(w, good):
    def meanwhile(p):
        until_sent(w, p)
        seen = w.a.count(w.chain.final_fate_word)
        wait_for("lies", 20,
                 lambda: w.a.count(w.chain.final_fate_word) > seen + 5, p)
        w.check("an invented end is not believed", p.poll() is None and
                "final" not in w.told(p), w.told(p))
        w.a.heal()
        w.chain.mining.set()
    w.listen()
    name = "one node invents that it %s" % ("did well" if good else "failed")

    def faults():
        w.chain.mining.clear()
        for word in {w.chain.fate_word, w.chain.final_fate_word}:
            w.a.rule(word, w.chain.ended(good))
    w.settled(name, faults, meanwhile)
    names(w, name, "differs")


def one_invents_success(w):
    one_invents_an_end(w, True)


def one_invents_failure(w):
    one_invents_an_end(w, False)


def one_lags(w):
    payers = w.next_payers()
    w.chain.pass_blocks(LAG)
    w.settled("one node lags a little", lambda: w.chain.lag(w.a, LAG),
              payers=payers)


def one_lags_far(w):
    """The older state counts, in which nothing can be cashed yet."""
    w.chain.pass_blocks(w.chain.far)
    payers = w.next_payers()
    w.listen()
    w.chain.lag(w.a, w.chain.far)
    p = w.command("settle", "--all")
    p.wait(30)
    w.check("of an old state nothing is cashed", p.status == 0 and
            "cashed 0 receipts" in w.told(p), w.told(p))
    names(w, "one node lags far", "differs")
    w.heal()
    w.settled("once it has caught up", payers=payers)


def one_says_it_would_do(w):
    """A withdrawal of what is not there, which one node would send."""
    since = w.chain.height()
    w.listen()
    w.a.rule(w.chain.trial_word, w.chain.trial(True))
    p = w.command("withdraw", "90000")
    p.wait(30)
    w.heal()
    w.check("what another node knows to fail is not sent", p.status == 1 and
            not [c for c in w.chain.calls(w.bank, since) if not c.good],
            w.told(p))
    names(w, "one node says that it would do", "differs")
    p = w.command("withdraw", "90000")
    p.wait(30)
    w.check("when it is well again they agree", p.status == 1 and
            "agrees node=%s on=trial" % w.a.name in w.heard(), w.heard())
    w.at_rest("after a lie about a trial")


def one_says_paid_already(w):
    """The cautious answer: nothing to cash. It is named, and once it is gone
    nothing is left behind."""
    payers, since = w.next_payers(), w.chain.height()
    w.listen()
    w.chain.mining.clear()
    w.a.rule(w.chain.read_word, w.chain.paid_already(5 * COIN))
    p = w.command("settle", "--all")
    p.wait(30)
    names(w, "one node says that all was paid", "differs")
    w.heal()
    w.chain.settle_down()
    p = w.command("settle", "--all")
    p.wait(30)
    w.check("once it is well again, what it hid is settled", p.status == 0,
            w.told(p))
    w.prove("after one node said that all was paid", payers, since)


def one_says_it_would_fail(w):
    since, payers = w.chain.height(), w.next_payers()
    w.listen()
    w.a.rule(w.chain.trial_word, w.chain.trial(False))
    p = w.command("settle", "--all")
    p.wait(30)
    names(w, "one node says that it would fail", "differs")
    w.check("so is it to the user", p.status != 0 and
            "(so says %s" % w.a.name in w.told(p), w.told(p))
    w.heal()
    if p.status != 0:
        p = w.command("settle", "--all")
        p.wait(30)
    w.check("it is settled all the same, or after it was named",
            p.status == 0, w.told(p))
    w.prove("after one node said that it would fail", payers, since)


def one_lies_about_the_slot(w):
    word, act = w.chain.form_lie()
    one_node(w, "one node has a transaction formed that no block takes", act,
             word, named=("differs", "refused"), again=True)


# --- killed -------------------------------------------------------------------

def killed(w, name, word, act):
    """A withdrawal, which nothing makes harmless twice. act(kill) kills the
    program at some answer."""
    before, since = w.in_bank(), w.chain.height()
    dead = []

    def kill():
        if not dead:
            dead.append(True)
            w.kill()
    w.both(word, act(kill))
    p = w.command("withdraw", "1")
    p.wait(30)
    w.heal()
    w.check("%s: killed in it" % name, dead and p.status != 0, w.told(p))
    w.restart()
    w.until_done()
    w.chain.settle_down()
    ours = [c for c in w.chain.calls(w.bank, since)
            if c.data.startswith(w.chain.selector("withdraw(address,uint256)"))]
    w.check("%s: done once" % name, before - w.in_bank() == COIN and
            len(ours) == 1 and ours[0].good, (before, w.in_bank(), ours))
    w.at_rest(name)


def killed_before_it_is_sent(w):
    def act(kill):
        def lost(_ask):
            kill()
        return lost
    killed(w, "killed when it is stored, not sent", w.chain.send_word, act)


def killed_before_the_chain_answers(w):
    killed(w, "killed when the chain has taken it", w.chain.send_word,
           proxy.then)


def killed_before_it_is_in_a_block(w):
    w.chain.mining.clear()
    killed(w, "killed when it is sent", w.chain.fate_word, proxy.then)


def killed_when_it_is_in_a_block(w):
    killed(w, "killed when it is in a block", w.chain.fate_word,
           lambda kill: proxy.told(w.chain.is_mined, kill))


def killed_when_it_is_final(w):
    killed(w, "killed when it is final, not booked", w.chain.final_fate_word,
           lambda kill: proxy.told(w.chain.is_final, kill))


def killed_when_it_is_booked(w):
    since, payers = w.chain.height(), w.next_payers()
    p = w.command("settle", "--all")
    p.wait(30)
    w.kill()
    w.restart()
    w.prove("killed when it is booked", payers, since)


CASES = [v for k, v in list(globals().items())
         if callable(v) and getattr(v, "__code__", None) and
         v.__code__.co_varnames[:v.__code__.co_argcount] == ("w",)]


def run(world, only):
    for case in CASES:
        if only in case.__name__:
            case(world)
