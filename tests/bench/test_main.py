from __future__ import annotations

import pytest

from bench.__main__ import main


@pytest.mark.parametrize("argument", ["--only=jsn", "--candidates=headgate,apache"])
def test_an_unknown_name_is_refused_with_the_known_ones(
    argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([argument])
    assert ended.value.code == 2
    assert "is none of" in capsys.readouterr().err
