from brainbox_cli import options
from brainbox_core.scalar.update_rules import NETWORK_OPTIMIZERS
from brainbox_core.tasks.digits.settings import RATES


def test_every_optimizer_of_the_table_can_be_chosen_and_has_a_learning_rate():
    option = options.Optimizer.info
    assert [option.parser(name) for name in NETWORK_OPTIMIZERS] == list(NETWORK_OPTIMIZERS) == list(RATES)
    assert ", ".join(NETWORK_OPTIMIZERS) in option.help
