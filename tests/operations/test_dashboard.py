"""The dashboard as a file: what Grafana would stumble over."""

import json
from typing import Any

from expressions import DASHBOARD, panels

BOARD: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))


def test_panels_have_ids_of_their_own_and_say_what_they_show() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    for panel in panels():
        assert panel["title"]
        assert panel["type"] == "row" or panel["description"], panel["title"]
        references = [target["refId"] for target in panel.get("targets", [])]
        assert panel["type"] == "row" or references, panel["title"]
        assert len(references) == len(set(references)), panel["title"]


def test_panels_do_not_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"], panel["title"]


def test_all_data_comes_from_the_chosen_source_job_and_instance() -> None:
    variables = {variable["name"] for variable in BOARD["templating"]["list"]}
    assert variables == {"datasource", "job", "instance"}
    for panel in panels():
        for target in panel.get("targets", []):
            assert target["datasource"]["uid"] == "${datasource}", panel["title"]
            assert '{job=~"$job"' in target["expr"], panel["title"]
