import torch

from chatbot.decoding.native.threads import kernels_first, num_threads


def test_torch_keeps_one_thread_while_the_kernels_have_what_it_had() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert num_threads() == 3
        with kernels_first():
            assert (torch.get_num_threads(), num_threads()) == (1, 3)
        assert (torch.get_num_threads(), num_threads()) == (3, 3)
    finally:
        torch.set_num_threads(before)
