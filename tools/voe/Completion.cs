namespace Voe.Tool;

/// <summary>
/// Scripts that let shells complete voe's command line: they ask voe itself, by the directive <c>[suggest:POSITION]</c> of
/// System.CommandLine, so that commands, options and, from a running server, the names of volumes are always right.
/// </summary>
internal static class Completion
{
    /// <summary>The shells there is a script for.</summary>
    public static readonly string[] Shells = ["bash", "zsh", "fish"];

    /// <summary>The script for a shell.</summary>
    public static string Script(string shell) => shell switch
    {
        "bash" => """
            # voe completion bash: source this, or put it in /etc/bash_completion.d/voe
            _voe() {
                local IFS=$'\n'
                local suggestions
                suggestions=$("${COMP_WORDS[0]}" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)
                COMPREPLY=($(compgen -W "$suggestions" -- "${COMP_WORDS[COMP_CWORD]}"))
            }
            complete -o default -F _voe voe
            """,
        "zsh" => """
            #compdef voe
            # voe completion zsh: put this in a file _voe in a directory of $fpath, or source it after compinit
            _voe() {
                local line="${(j: :)words[1,CURRENT]}"
                local -a suggestions
                suggestions=(${(f)"$("${words[1]}" "[suggest:${#line}]" "$line" 2>/dev/null)"})
                (( ${#suggestions} )) && compadd -- "${suggestions[@]}" || _files
            }
            compdef _voe voe
            """,
        _ => """
            # voe completion fish: put this in ~/.config/fish/completions/voe.fish
            function __voe_suggestions
                set -l words (commandline -opc)
                set -l line (commandline -cp | string collect)
                $words[1] "[suggest:"(string length -- $line)"]" $line 2>/dev/null
            end
            complete -c voe -a '(__voe_suggestions)'
            """,
    };
}
