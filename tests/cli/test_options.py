from brainbox_cli import options


def test_every_optimizer_of_the_library_can_be_chosen():
    from brainbox_core import optimizers
    from brainbox_core.tasks.digits import settings as digit_settings

    assert set(options.OPTIMIZERS) == set(optimizers.KINDS) == set(digit_settings.RATES)
