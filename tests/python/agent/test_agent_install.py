"""The library brings the CLI to an agent that has nothing but Python and git."""

from agents import Agent


def test_first_call_asks_for_the_wheel_and_the_second_installs_it(agent: Agent) -> None:
    asked = agent.run(brings=False)
    assert (asked.code, asked.result) == (75, None)
    assert agent.entries() == []
    done = agent.run()
    assert done.code == 0, done.out + done.err
    assert done.result is not None
    assert done.result["program"] == agent.library.facts["version"]
    assert len(agent.entries()) == 2  # the environment and its name
    again = agent.run(brings=False)
    assert again.code == 0, again.out + again.err
    assert "install" not in again.out
