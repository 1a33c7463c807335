"""The demo workspace: what it holds, in our own words."""

from bugflow.demo.records import DemoIssue, load_issues

__all__ = ["DemoIssue", "load_issues"]
