"""Facts of a Python, printed: run by the target, so it must start on every Python there is, 2.7 too.

Usage: python _probe.py FOLDER_OF_PACKAGING [PIP_OPTION...]

`pip cache dir` and the others are pip's own commands; running them in the one process that also prints the tags saves
interpreter starts.
"""

import sys

if sys.path and sys.path[0]:
    # A script's own folder comes first; ours would hide the target's modules.
    del sys.path[0]

import io
import json
import os
import runpy


def interpreter():
    """Say what this Python is."""
    return {
        "executable": sys.executable,
        "version": "{}.{}.{}".format(*sys.version_info[:3]),
        "implementation": getattr(getattr(sys, "implementation", None), "name", "cpython"),
    }


def packaging_facts(folder):
    """Tags and marker variables by wheelwarm's `packaging`, which needs Python 3.8; nothing where it cannot load."""
    try:
        import importlib.util

        spec = importlib.util.spec_from_file_location(
            "packaging", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
        )
        sys.modules["packaging"] = importlib.util.module_from_spec(spec)
        from packaging import markers, tags

        return {
            "tags": [str(tag) for tag in tags.sys_tags()],
            "environment": dict(markers.default_environment()),
            "interpreter": tags.interpreter_name(),
            "interpreter_version": tags.interpreter_version(),
        }
    except Exception:
        return {"tags": [], "environment": {}}


def pip_version():
    """Tell the version of the pip that `python -m pip` would run, or None."""
    try:
        from importlib import metadata

        return metadata.version("pip")
    except ImportError:
        # Before Python 3.8; "pip 22.2 from ..." is what it prints.
        words = run_pip(["--version"])["out"].split()
        return words[1] if len(words) > 1 else None
    except Exception:
        return None


def run_pip(arguments):
    """Run one pip command in this process: exit code, standard output, standard error."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    real = sys.stdout, sys.stderr
    sys.argv, sys.stdout, sys.stderr = ["pip"] + arguments, out, err
    try:
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
    except SystemExit as exit_:
        code = exit_.code or 0
    except Exception as exception:
        # A pip that is damaged, or not made for this Python.
        code = 1
        err.write("%s: %s" % (type(exception).__name__, exception))
    finally:
        sys.stdout, sys.stderr = real
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def pip_facts(folder, options):
    """Ask this Python's pip for its version, its cache directory and its configuration."""
    facts = packaging_facts(folder)
    facts["pip"] = pip_version()
    facts["witnesses"] = witnesses()
    if facts["pip"] is not None:
        facts["cache"] = run_pip(["cache", "dir"] + options)
        facts["config"] = run_pip(["config", "list"])
        facts["configs"] = run_pip(["config", "debug"])
        facts["help"] = run_pip(["download", "--help"])
    return facts


def witnesses():
    """Name the files and folders of which these facts come: when they change, the facts may."""
    return [sys.executable, os.path.join(sys.prefix, "pyvenv.cfg")] + [path for path in sys.path if path]


def main():
    """Print the facts as one line of JSON, the last on standard output."""
    facts = interpreter()
    if sys.version_info >= (3, 7):  # pip 22.2, the oldest that can report a resolution, needs 3.7
        facts.update(pip_facts(sys.argv[1], sys.argv[2:]))
    sys.stdout.write("\n" + json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
